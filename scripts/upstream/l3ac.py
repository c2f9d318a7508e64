"""L3AC: `get_model`, `encode_audio` and `decode_audio` as its README has them, which find the files in a cache."""

import importlib
from pathlib import Path

import codec_bench_support as support

CODEC = "l3ac-1k"


def upstream(job):
    """The package, and the name of a configuration."""
    package, configuration = job.mode.split()
    return importlib.import_module(package), configuration


def write(job, name="L3AC"):
    import torch

    package, configuration = upstream(job)
    config = getattr(package, f"{name}Config")(config_file=package.CONFIG_DIR / f"{configuration}.toml")
    files = {Path(file).stem: file for file in job.files.values()}
    for part, network in getattr(package, name)(config).network.trainable_modules.items():
        torch.save(network.state_dict(), files[part])


def call(job, samples, name="L3AC"):
    import torch

    package, configuration = upstream(job)
    (folder,) = {Path(file).parents[1] for file in job.files.values()}
    kind = getattr(package, f"{name}Config")
    setattr(package, f"{name}Config", lambda config_file: kind(config_file=config_file, model_dir=folder))
    codec = package.get_model(configuration)
    codec.network.eval()
    features, indices = codec.encode_audio(torch.from_numpy(samples)[None])
    support.seed(support.SEED)
    return [indices["indices"] if isinstance(indices, dict) else indices], {}, codec.decode_audio(features)
