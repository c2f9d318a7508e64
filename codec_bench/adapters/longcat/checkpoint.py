"""Checkpoint files: what a file holds, and a reader that accepts exactly the tensors that a model asks for.

The models are built by taking tensors out of a `Tensors`; each one is taken by name and with the shape that the ones
before it imply. A tensor that is missing, has another shape, or is left over at the end is an error that names it, so
no model ever runs with weights that are not its own.
"""

from __future__ import annotations

import pickle
import pickletools
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from codec_bench.errors import UnavailableError, first_line

if TYPE_CHECKING:
    from torch import Tensor

ENCODER = "encoder"
DECODER_16K = "16 kHz decoder"
DECODER_24K = "24 kHz decoder"

_MARKS = {
    ENCODER: "encoder.block.0.weight_v",
    # The causal stack has one module more, the padding before the last convolution.
    DECODER_16K: "decoder.model.6.weight_v",
    DECODER_24K: "decoder.model.7.weight_v",
}
LAYERS = "semantic_tokenizer.model.encoder.layers"
"""Before the number and the tensors of each transformer layer of the encoder."""

_QUANTIZER = re.compile(r"acoustic_quantizer\.quantizers\.(\d+)\.")


@dataclass(frozen=True)
class CheckpointKind:
    """What a checkpoint file is, judging by the names of its tensors.

    Attributes:
        role: `ENCODER`, `DECODER_16K` or `DECODER_24K`.
        acoustic_codebooks: How many acoustic codebooks it knows.
    """

    role: str
    acoustic_codebooks: int

    def __str__(self) -> str:
        plural = "" if self.acoustic_codebooks == 1 else "s"
        return f"{self.role} with {self.acoustic_codebooks} acoustic codebook{plural}"


def tensor_names(path: Path) -> list[str]:
    """The strings in a checkpoint's pickle, names of tensors among them, without torch and without running it.

    Raises:
        UnavailableError: The file does not exist, or was not written by `torch.save`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            index = next((name for name in archive.namelist() if name.endswith("/data.pkl")), None)
            if index is None:
                raise UnavailableError(f"{path} is not a PyTorch checkpoint: it is a zip file without data.pkl")
            code = archive.read(index)
        return [argument for _, argument, _ in pickletools.genops(code) if isinstance(argument, str)]
    except zipfile.BadZipFile as error:
        raise UnavailableError(f"{path} is not a PyTorch checkpoint, or one that was cut short") from error
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # raised by pickletools for anything but a pickle
        raise UnavailableError(f"{path} is not a PyTorch checkpoint: {error}") from error


def identify(path: Path) -> CheckpointKind:
    """What a checkpoint file is.

    Raises:
        UnavailableError: It is not a checkpoint, or not one of LongCat-Audio-Codec.
    """
    names = set(tensor_names(path))
    roles = [role for role, mark in _MARKS.items() if mark in names]
    if len(roles) != 1:
        raise UnavailableError(
            f"{path} is neither the encoder nor a decoder of LongCat-Audio-Codec: it has "
            + ("tensors of several" if roles else f"none of {', '.join(_MARKS.values())}")
        )
    quantizers = {int(match[1]) for name in names if (match := _QUANTIZER.match(name))}
    return CheckpointKind(roles[0], len(quantizers))


def semantic_layers(path: Path) -> int:
    """How many transformer layers the encoder in a checkpoint has; the published one has 26.

    Raises:
        UnavailableError: It is not a checkpoint.
    """
    return len({name.removeprefix(f"{LAYERS}.").partition(".")[0] for name in tensor_names(path) if LAYERS in name})


class Tensors:
    """The tensors of one file, to be taken one by one; one that is not as it should be is an `UnavailableError`."""

    def __init__(self, path: Path, tensors: dict[str, Tensor]) -> None:
        self.path = path
        self._left = dict(tensors)

    @classmethod
    def open(cls, path: Path) -> Tensors:
        """Maps a checkpoint into memory: what no model reads stays on the disk, so the file must stay as it is.

        Raises:
            UnavailableError: The file is not a checkpoint, is truncated, or is not a flat dictionary of float tensors.
        """
        import torch

        tensor_names(path)  # torch's own messages for anything but a checkpoint are pages long
        try:
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, KeyError, ValueError, AssertionError) as error:
            raise UnavailableError(f"{path} cannot be loaded: {first_line(error)}") from error
        if not isinstance(content, dict):
            raise UnavailableError(f"{path} holds a {type(content).__name__}, not a dictionary of tensors")
        for name, value in content.items():
            if not (isinstance(name, str) and isinstance(value, torch.Tensor) and value.is_floating_point()):
                what = value.dtype if isinstance(value, torch.Tensor) else type(value).__name__
                raise UnavailableError(f"{path}: {name!r} is {what}, not a float tensor; a state dict here is flat")
        return cls(path, content)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def count(self, prefix: str) -> int:
        """How many of `prefix.0.`, `prefix.1.`, ... there are."""
        found = 0
        while any(name.startswith(f"{prefix}.{found}.") for name in self._left):
            found += 1
        return found

    def size(self, name: str, axis: int) -> int:
        """One size of a tensor that is taken later."""
        if name not in self._left:
            self.fail(name, "is missing")
        if self._left[name].dim() <= axis:
            self.fail(name, f"has only {self._left[name].dim()} axes")
        return self._left[name].shape[axis]

    def take(self, name: str, *shape: int | None) -> Tensor:
        """Takes a tensor of a shape, where None leaves a size open, out as float32."""
        if name not in self._left:
            self.fail(name, "is missing")
        tensor = self._left.pop(name)
        known = [has if want is None else want for want, has in zip(shape, tensor.shape, strict=False)]
        if len(shape) != tensor.dim() or known != list(tensor.shape):
            expected = ", ".join("any" if size is None else str(size) for size in shape)
            self.fail(name, f"has the shape [{', '.join(map(str, tensor.shape))}], not [{expected}]")
        return tensor.float()

    def take_convolution(self, name: str, *shape: int | None, bias: int | None = None) -> tuple[Tensor, Tensor]:
        """Takes weight and bias of a convolution; a direction and a length per first index are joined to the weight.

        The shape is that of the weight; `bias` is the size of the bias, by default the first of the weight's sizes.
        """
        direction = self.take(f"{name}.weight_v", *shape)
        length = self.take(f"{name}.weight_g", direction.shape[0], 1, 1)
        weight = direction * (length / direction.norm(dim=(1, 2), keepdim=True))
        return weight, self.take(f"{name}.bias", bias or direction.shape[0])

    def drop(self, prefix: str) -> None:
        """Passes over tensors that may be in the file and that no model needs."""
        self._left = {name: tensor for name, tensor in self._left.items() if not name.startswith(prefix)}

    def finish(self, what: str) -> None:
        """Checks that nothing is left."""
        for name in self._left:
            self.fail(name, f"does not belong to the {what}")

    def fail(self, name: str, problem: str) -> NoReturn:
        """Raises the error for one tensor."""
        raise UnavailableError(f"{self.path}: tensor {name} {problem}")


def read_cmvn(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of the log mel energies from a file of Kaldi statistics.

    Args:
        path: A `.npy` file, `[2, mels + 1]`: sums and the number of frames, sums of squares.

    Returns:
        Means `[mels]` and standard deviations `[mels]`.

    Raises:
        UnavailableError: The file is something else.
    """
    try:
        statistics: Any = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UnavailableError(f"{path} is not a .npy file of CMVN statistics: {error}") from error
    if not isinstance(statistics, np.ndarray) or statistics.ndim != 2 or statistics.dtype.kind != "f":
        raise UnavailableError(f"{path} is not a .npy file of CMVN statistics")
    if statistics.shape[0] != 2 or statistics.shape[1] < 2:
        raise UnavailableError(f"{path} has the shape {list(statistics.shape)}, not [2, mels + 1]")
    sums, squares = statistics.astype(np.float64)[:, :-1]
    frames = float(statistics[0, -1])
    if not (np.isfinite(statistics).all() and frames > 0):
        raise UnavailableError(f"{path} holds no CMVN statistics: {frames} frames")
    mean = sums / frames
    variance = squares / frames - mean * mean
    if variance.min() < 0:
        raise UnavailableError(f"{path} holds no CMVN statistics: a variance is negative")
    return mean, np.maximum(np.sqrt(variance), np.finfo(np.float32).eps)
