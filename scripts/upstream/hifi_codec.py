"""HiFi-Codec: the network of its `vqvae_copy_syn.py`, which goes on without weight normalisation."""

import importlib
import json
from pathlib import Path

import codec_bench_support as support

CODEC = "hifi-codec-24k-320d"
REPOSITORY, PACKAGE = "yangdongchao/AcademiCodec", "academicodec.models.hificodec"


def write(job, repository=REPOSITORY, package=PACKAGE):
    support.add_source(job.sources[repository])
    import torch

    models = importlib.import_module(f"{package}.models")
    kind = importlib.import_module(f"{package}.env").AttrDict
    config = kind(json.loads(Path(job.sources[repository], job.mode).read_text()))
    parts = {name.lower(): getattr(models, name)(config).state_dict() for name in ("Generator", "Quantizer", "Encoder")}
    torch.save(parts, *job.files.values())


def network(job, repository=REPOSITORY, package=PACKAGE):
    """Upstream's class with the weights."""
    support.add_source(job.sources[repository])
    kind = importlib.import_module(f"{package}.vqvae").VQVAE
    model = kind(f"{job.sources[repository]}/{job.mode}", *job.files.values(), with_encoder=True).eval()
    model.generator.remove_weight_norm()
    model.encoder.remove_weight_norm()
    return model


def call(job, samples):
    import torch

    model = network(job)
    codes = model.encode(torch.from_numpy(samples)[None])
    return codes[0].T, {}, model(codes)
