"""TiCodec: the network of its `vqvae_copy_syn.py`, which is that of HiFi-Codec with codes that are sent once."""

CODEC, MODE = "ticodec", "1g2r"
UPSTREAM = "y-ren16/TiCodec", "academicodec.models.ticodec"


def write(job):
    job.other("hifi_codec").write(job, *UPSTREAM)


def call(job, samples):
    import torch

    model = job.other("hifi_codec").network(job, *UPSTREAM)
    codes, voice = model.encode(torch.from_numpy(samples)[None])
    return codes[0].T, {"global": voice[0, 0]}, model(codes, voice)
