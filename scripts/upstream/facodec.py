"""FACodec: what its README calls."""

import codec_bench_support as support

CODEC = "facodec"
REPOSITORY = "lifeiteng/naturalspeech3_facodec"


def networks(job):
    """Both, with the arguments of the README."""
    support.add_source(job.sources[REPOSITORY])
    from ns3_codec import FACodecDecoder, FACodecEncoder

    sizes = {"codebook_dim": 8} | {f"codebook_size_{name}": 10 for name in ("prosody", "content", "residual")}
    counts = {"vq_num_q_c": 2, "vq_num_q_p": 1, "vq_num_q_r": 3, "vq_dim": 256}
    reversal = dict.fromkeys(("use_gr_x_timbre", "use_gr_residual_f0", "use_gr_residual_phone"), True)
    return (
        FACodecEncoder(ngf=32, up_ratios=[2, 4, 5, 5], out_channels=256),
        FACodecDecoder(256, 1024, ngf=32, up_ratios=[5, 5, 4, 2], **sizes, **counts, **reversal),
    )


def write(job):
    import torch

    encoder, decoder = networks(job)
    encoder.block[-1].weight_g.data *= 100  # as it starts, all frames would have the same codes
    for network, file in zip((encoder, decoder), job.files.values()):
        torch.save(network.state_dict(), file)


def call(job, samples):
    import torch

    encoder, decoder = networks(job)
    for network, file in zip((encoder, decoder), job.files.values()):
        network.load_state_dict(torch.load(file))
        network.eval()
    found = decoder(encoder(torch.from_numpy(samples)[None, None]), eval_vq=False, vq=True)
    return found[1][:, 0], {"speaker": found[4][0]}, decoder.inference(found[0], found[4])
