"""What runs in the environment of a codec: writes random weights, or codes a recording with the authors' own call.

Started as `python process.py JOB` by `compare_with_upstream.py`. A file beside this one has `CODEC`, maybe `MODE`, and

- `write(job)`, which writes each of `job.files` with random numbers, as it is published; and
- `call(job, samples)`, which gives the codes (one array per codebook), what is sent once, by name, and the samples.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace

import numpy as np


def module(name, path):
    """A module from a file."""
    spec = importlib.util.spec_from_file_location(name, path)
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


def other(job, name):
    """The file of another codec, on which this one is built."""
    return module(f"upstream_{name}", Path(job.module).with_name(f"{name}.py"))


def bare(name, folder):
    """A package without what its own `__init__.py` imports."""
    package = types.ModuleType(name)
    package.__path__ = [str(folder)]
    package.__spec__ = ModuleSpec(name, None, is_package=True)
    sys.modules[name] = package
    return package


def shrunk(job, repository, path, sizes):
    """The text of a configuration in the source trees, where other sizes take the place of those that are published.

    Both trees get it: that of the environment, from which our codec is loaded, is removed afterwards.
    """
    text = Path(job.sources[repository], path).read_text()
    for published, other in sizes.items():
        assert published in text, published
        text = text.replace(published, other)
    for tree in (job.sources, job.own):
        Path(tree[repository], path).write_text(text)
    return text


def spread(job, layer, encode):
    """Scales what comes before a quantizer so that each of its channels varies by 1 around 0 over the recording.

    Random weights would else give nearly all frames the same code. The layer is linear, or a convolution of any norm.
    """
    import torch

    taken = []
    handle = layer.register_forward_hook(lambda *call: taken.append(call[2][0]))
    with torch.no_grad():
        encode(torch.from_numpy(np.load(job.recording))[None])
        handle.remove()
        scale, mean = torch.std_mean(taken[0], 0 if isinstance(layer, torch.nn.Linear) else 1)
        weight = layer.parametrizations.weight.original0 if hasattr(layer, "parametrizations") else layer.weight
        weight.div_(scale.view(-1, *[1] * (weight.ndim - 1)))
        layer.bias.copy_((layer.bias - mean) / scale)


def main(path):
    """One step of a job."""
    with Path(path).open(encoding="utf-8") as file:
        job = SimpleNamespace(**json.load(file))
    sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]
    job.bare = bare
    job.other, job.shrunk, job.spread = (partial(function, job) for function in (other, shrunk, spread))
    if job.beside:
        sys.path.append(job.beside)
    support = module("codec_bench_support", job.support)
    upstream = module("upstream", job.module)
    import torch

    support.seed(1)
    if job.step == "write":
        for file in job.files.values():
            Path(file).parent.mkdir(parents=True, exist_ok=True)
        upstream.write(job)
        return
    support.seed(support.SEED)
    with torch.inference_mode():
        codes, side, samples = upstream.call(job, np.load(job.recording))
    arrays = {f"book_{i}": np.asarray(book).reshape(-1) for i, book in enumerate(codes)}
    arrays.update({f"side_{name}": np.asarray(value) for name, value in side.items()})
    np.savez(job.result, samples=np.asarray(samples, np.float32).reshape(-1), **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
