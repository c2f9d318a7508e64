"""What the networks of this package share: layers by the names of a checkpoint, loading, and the cosine."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codec_bench.audio import Audio, FloatArray
from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile, locate
from codec_bench.metrics.model import Result
from codec_bench.records import NotScorable, Status

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000
MELS = 80
WINDOW, HOP = 400, 160  # 25 and 10 ms


@dataclass(frozen=True)
class Weights:
    """Tensors of a checkpoint by their names, and the layers that they belong to."""

    tensors: Mapping[str, Tensor]

    def convolution(self, x: Tensor, name: str, **options: Any) -> Tensor:
        """Convolution over time `[batch, channels, frames]`, or over two axes where the weight has two."""
        from torch.nn import functional

        weight, bias = self.tensors[f"{name}.weight"], self.tensors.get(f"{name}.bias")
        convolve = functional.conv2d if weight.ndim == 4 else functional.conv1d
        return convolve(x, weight, bias, **options)

    def linear(self, x: Tensor, name: str) -> Tensor:
        """Linear layer on the last axis."""
        from torch.nn import functional

        return functional.linear(x, self.tensors[f"{name}.weight"], self.tensors.get(f"{name}.bias"))

    def norm(self, x: Tensor, name: str) -> Tensor:
        """Batch normalization by the statistics of the training."""
        from torch.nn import functional

        mean, variance = (self.tensors[f"{name}.running_{which}"] for which in ("mean", "var"))
        weight, bias = (self.tensors.get(f"{name}.{which}") for which in ("weight", "bias"))
        return functional.batch_norm(x, mean, variance, weight, bias)


def tensors_of(file: RemoteFile, device: str) -> dict[str, Any]:
    """What a checkpoint holds.

    Raises:
        UnavailableError: The file is not here, or is no checkpoint.
    """
    import torch

    path = locate(file)
    try:
        loaded = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise damaged(path, error) from error
    if not isinstance(loaded, dict):
        raise damaged(path, TypeError(f"it holds a {type(loaded).__name__}"))
    return loaded


def damaged(path: Path, error: Exception) -> UnavailableError:
    """The error for a file that is no published checkpoint; it says what to do."""
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return UnavailableError(f"{path} is not the checkpoint that is published: {reason}; delete it and fetch it again")


def loader(file: RemoteFile, network: Callable[[Weights, Tensor], Tensor], dimensions: int) -> Callable[[str], Any]:
    """Loads the weights of a network, and tries them out: names and shapes must fit."""

    def load(device: str) -> Weights:
        import torch

        weights = Weights(tensors_of(file, device))
        try:
            with torch.inference_mode():
                shape = network(weights, torch.zeros(1, 16, MELS, device=device)).shape
        except (KeyError, RuntimeError, AttributeError) as error:
            raise damaged(locate(file), error) from error
        if shape != (1, dimensions):
            raise damaged(locate(file), ValueError(f"embeddings have the shape {tuple(shape)}"))
        return weights

    return load


@contextmanager
def exact() -> Iterator[None]:
    """No gradients, and no rounding of convolutions to 10 bits (TF32), which CUDA does unless told not to."""
    import torch

    with (
        torch.inference_mode(),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
    ):
        yield


def too_short(name: str, samples: int) -> NotScorable:
    """The outcome for a signal with fewer than `samples` samples."""
    return NotScorable(f"{name} needs {1000 * samples / RATE:g} ms", Status.TOO_SHORT)


def waves_of(audios: Sequence[Audio], device: Any) -> Tensor:
    """Signals of one length, float32 `[batch, n]`."""
    import torch

    return torch.from_numpy(np.stack([audio.samples for audio in audios])).to(device)


def rows_of(embeddings: Tensor) -> list[Result]:
    """Embeddings `[batch, d]` as one float32 array per signal."""
    return list(np.asarray(embeddings.float().cpu().numpy(), np.float32))


def cosine(first: FloatArray, second: FloatArray) -> float:
    """Cosine of the angle between two embeddings, in [-1, 1].

    Raises:
        NotScorable: One of them is zero or not finite.
    """
    one, other = first.astype(np.float64), second.astype(np.float64)
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    if not (np.isfinite(size) and size > 0):
        raise NotScorable("the speaker embedding has no direction", Status.UNDEFINED)
    return float(np.clip(one @ other / size, -1.0, 1.0))
