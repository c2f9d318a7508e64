"""AUV: what its `infer.py` does, with whatever codebook is nearest; it decodes the vectors that encoding gives."""

import codec_bench_support as support

CODEC = "auv"


def write(job):
    import torch
    from auv import model

    load, torch.load = torch.load, lambda *_, **__: {}  # its networks are built as a file is read
    codec = model.AUV()
    codec.load_state_dict = lambda _: None
    codec.from_pretrained("", device="cpu")
    torch.load = load
    torch.save(codec.state_dict(), *job.files.values())


def call(job, samples):
    import torch
    from auv.model import AUV

    codec = AUV()
    codec.from_pretrained(*job.files.values())
    codec.eval()
    coded = codec.encode({"sample": torch.from_numpy(samples)[None], "sample_rate": 16_000})
    support.seed(support.SEED)
    return [coded["tokens"]], {}, codec.decode(coded["quantized"])
