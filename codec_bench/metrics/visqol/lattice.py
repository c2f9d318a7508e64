"""The lattice network, which makes an opinion score of patches: the default of Google's program since 3.3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from codec_bench.hub import RemoteFile, locate
from codec_bench.metrics.model import ModelOutput, Packaged, PublishedModel
from codec_bench.metrics.visqol.similarity import Patch
from codec_bench.stats import Floats

LATTICE = RemoteFile(
    "models/visqol/lattice_tcditugenmeetpackhref_ls2_nl60_lr12_bs2048_learn.005_ep2400_train1_7_raw.tflite",
    sha256="4bd031d6c95594ae2cd1d471aa6611bff26b3bbf816528431ff1741bcd798dc6",
    size=2_233_840,
    source="https://raw.githubusercontent.com/google/visqol/38d0b0163e441047d4429bf07ad09e5b9031d02c/model/"
    "lattice_tcditugenmeetpackhref_ls2_nl60_lr12_bs2048_learn.005_ep2400_train1_7_raw.tflite",
)
_LATTICE_FILE = Packaged(LATTICE, "visqol", "model")
_QUANTILE, _MEDIAN, _UNRELATED = 0.1, 0.5, 0.15


def _load_lattice(device: str) -> Any:
    """The signature of the network, on one thread as in the program."""
    from ai_edge_litert.interpreter import Interpreter

    content = (_LATTICE_FILE.installed or locate(LATTICE)).read_bytes()
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter.get_signature_runner("predict")


def lattice_inputs(patches: Sequence[Patch]) -> dict[str, Floats]:
    """What the lattice network takes of each band, `[bands]`, by the names of its inputs.

    Returns:
        `fvnsim`, the mean similarity; `fvnsim10_`, that of the tenth of the patches that are least alike; `fstdnsim`,
        the deviation over all frames of all patches; `fvdegenergy`, the mean level of the decoded signal.
    """
    means = np.array([patch.means for patch in patches])
    mean, count = means.mean(axis=0), sum(patch.frames for patch in patches)
    squares = [(p.frames - 1) * p.deviations**2 + p.frames * p.means**2 for p in patches]
    variance = (np.sum(squares, axis=0) - count * mean**2) / (count - 1)
    return {
        "fvnsim": mean,
        "fvnsim10_": np.sort(means, axis=0)[: max(1, int(len(means) * _QUANTILE))].mean(axis=0),
        "fstdnsim": np.sqrt(np.maximum(variance, 0.0)),
        "fvdegenergy": np.mean([patch.levels for patch in patches], axis=0),
    }


def lattice_score(network: Any, patches: Sequence[Patch]) -> float:
    """MOS-LQO by the lattice network, for its median."""
    features = lattice_inputs(patches)
    if features["fvnsim"].mean() < _UNRELATED:
        return 1.0
    inputs = {f"{name}{band}": v for name, values in features.items() for band, v in enumerate(values)}
    inputs["tau"] = np.float64(_MEDIAN)
    found = network(**{name: np.array([value], np.float32) for name, value in inputs.items()})
    return float(found["predictions"].item())


def _apply_lattice(network: Any, pairs: Sequence[Any]) -> list[ModelOutput]:
    return [np.asarray(lattice_score(network, patches)) for patches in pairs]


LATTICE_MODEL = PublishedModel(
    "visqol/lattice",
    _load_lattice,
    _apply_lattice,
    weights=_LATTICE_FILE,
    packages=("ai-edge-litert",),
    modules=("ai_edge_litert",),
    extra="visqol",
    licence="Apache-2.0",
    published=LATTICE,
)
