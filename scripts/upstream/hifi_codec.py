"""HiFi-Codec: the network of its `vqvae_copy_syn.py`, which goes on without weight normalisation."""

import json
from pathlib import Path

import codec_bench_support as support

CODEC = "hifi-codec-24k-320d"
REPOSITORY = "yangdongchao/AcademiCodec"


def write(job):
    support.add_source(job.sources[REPOSITORY])
    import torch
    from academicodec.models.hificodec import models
    from academicodec.models.hificodec.env import AttrDict

    config = AttrDict(json.loads(Path(job.sources[REPOSITORY], job.mode).read_text()))
    parts = {name.lower(): getattr(models, name)(config).state_dict() for name in ("Generator", "Quantizer", "Encoder")}
    torch.save(parts, *job.files.values())


def call(job, samples):
    support.add_source(job.sources[REPOSITORY])
    import torch
    from academicodec.models.hificodec.vqvae import VQVAE

    model = VQVAE(f"{job.sources[REPOSITORY]}/{job.mode}", *job.files.values(), with_encoder=True).eval()
    model.generator.remove_weight_norm()
    model.encoder.remove_weight_norm()
    codes = model.encode(torch.from_numpy(samples)[None])
    return codes[0].T, {}, model(codes)
