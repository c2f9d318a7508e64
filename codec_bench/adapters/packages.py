"""What codecs that are packages of PyPI have in common: whether the package runs here, and how its files are read."""

from __future__ import annotations

import pickle
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.torch_codec import TorchCodec, as_samples
from codec_bench.errors import CodecError, UnavailableError, first_line
from codec_bench.tokens import Tokens


class PackageCodec(TorchCodec):
    """A codec that runs in a package of its makers; `modules` and `extra` say which."""

    def latents(self, tokens: Tokens) -> Mapping[str, NDArray[np.float32]]:
        """What the tokens stand for.

        Returns:
            `quantized`: float32 `[frames, dimension]`, the sum over the codebooks, at the rate of the fastest.

        Raises:
            CodecError: The codec is not loaded, or cannot decode this number of codebooks.
            UsageError: The codec's quantizer has no embeddings.
        """
        if reason := self.cannot_decode(len(tokens.streams)):
            raise CodecError(reason)
        with self._inference():
            codes = [self._tensor(book) for book in self.books(tokens)]
            return {"quantized": np.ascontiguousarray(as_samples(self._quantized(codes)))}

    @abstractmethod
    def _quantized(self, codes: list[Any]) -> Any:
        """The tensor `[frames, dimension]` that int64 tensors `[frames]`, one per codebook, stand for."""


@contextmanager
def importing(package: str) -> Iterator[None]:
    """Makes one line of whatever keeps a package from being imported.

    Raises:
        UnavailableError: It cannot be imported.
    """
    try:
        yield
    except (ImportError, OSError) as error:
        raise UnavailableError(f"{package} is installed, but cannot be imported: {first_line(error)}") from error


def read_state(path: Path, part: str = "") -> dict[str, Any]:
    """The tensors of a PyTorch file, or of a part of it, by name, on the CPU; nothing but tensors is unpickled.

    Raises:
        UnavailableError: The file holds something else.
    """
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, ValueError) as error:
        raise UnavailableError(f"{path.name} is not a file of tensors: {first_line(error)}") from error
    if part and isinstance(state, dict):
        state = state.get(part)
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise UnavailableError(f"{path.name} is not a file of tensors by name")
    return state


def load_state(model: Any, state: Mapping[str, Any], file: str) -> None:
    """Puts the tensors of a file into a `torch.nn.Module`, all of them and nothing left over.

    Raises:
        UnavailableError: They are not those of the model.
    """
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UnavailableError(f"{file} does not fit the model: {lines[min(1, len(lines) - 1)][:200]}") from error


def check_config(file: str, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Checks what the spec of a codec states against what the configuration in a file says.

    Raises:
        UnavailableError: One is different.
    """
    for name, value in expected.items():
        if found.get(name) != value:
            raise UnavailableError(f"{file} belongs to another model: its {name} is {found.get(name)}, not {value}")
