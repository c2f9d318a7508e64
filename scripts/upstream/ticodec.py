"""TiCodec: the network of its `vqvae_copy_syn.py`, which goes on without weight normalisation."""

import json
from pathlib import Path

import codec_bench_support as support

CODEC, MODE = "ticodec", "1g2r"
REPOSITORY = "y-ren16/TiCodec"


def write(job):
    support.add_source(job.sources[REPOSITORY])
    import torch
    from academicodec.models.ticodec import models
    from academicodec.models.ticodec.env import AttrDict

    config = AttrDict(json.loads(Path(job.sources[REPOSITORY], job.mode).read_text()))
    parts = {name.lower(): getattr(models, name)(config).state_dict() for name in ("Generator", "Quantizer", "Encoder")}
    torch.save(parts, *job.files.values())


def call(job, samples):
    support.add_source(job.sources[REPOSITORY])
    import torch
    from academicodec.models.ticodec.vqvae import VQVAE

    model = VQVAE(f"{job.sources[REPOSITORY]}/{job.mode}", *job.files.values(), with_encoder=True).eval()
    model.generator.remove_weight_norm()
    model.encoder.remove_weight_norm()
    codes, voice = model.encode(torch.from_numpy(samples)[None])
    return codes[0].T, {"global": voice[0, 0]}, model(codes, voice)
