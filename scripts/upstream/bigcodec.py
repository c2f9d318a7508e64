"""BigCodec: what its `inference.py` does."""

import codec_bench_support as support

CODEC = "bigcodec"
REPOSITORY = "Aria-K-Alethia/BigCodec"


def networks(job):
    """Both, with the sizes of their defaults."""
    support.add_source(job.sources[REPOSITORY])
    from vq.codec_decoder import CodecDecoder
    from vq.codec_encoder import CodecEncoder

    return CodecEncoder(), CodecDecoder()


def write(job):
    import torch

    encoder, decoder = networks(job)
    torch.save({"CodecEnc": encoder.state_dict(), "generator": decoder.state_dict()}, job.files["bigcodec.pt"])


def call(job, samples):
    import torch

    encoder, decoder = networks(job)
    state = torch.load(job.files["bigcodec.pt"])
    encoder.load_state_dict(state["CodecEnc"])
    decoder.load_state_dict(state["generator"])
    encoder, decoder = encoder.eval(), decoder.eval()
    wav = torch.from_numpy(samples)[None]
    wav = torch.nn.functional.pad(wav, (0, 200 - wav.shape[1] % 200))
    quantized, codes, _ = decoder(encoder(wav[:, None]), vq=True)
    return [codes[0, 0]], {}, decoder(quantized, vq=False)
