"""What codecs that are PyTorch models have in common: where they run, what they are loaded from, and their seed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from codec_bench.adapters.replaceable import ReplaceableCodec, file_name
from codec_bench.audio import FloatArray
from codec_bench.errors import CodecError, UnavailableError
from codec_bench.files import linked_folder
from codec_bench.inference import exact_inference
from codec_bench.tokens import Code, IntArray

SEED = 0
"""Seeds everything that a decoder draws; set before each call, so that a call does not depend on earlier ones."""


class TorchCodec(ReplaceableCodec):
    """A codec whose model is a `torch.nn.Module`.

    An adapter loads the model from a folder that has its files under their published names (`_load`), and turns
    samples into codes and back (`_codes`, `_samples`). Device, inference mode, seed and checkpoint are handled here.
    """

    packages: ClassVar[tuple[str, ...]] = ("torch",)

    _model: Any = None
    _device: str = "cpu"

    @abstractmethod
    def _load(self, folder: Path) -> Any:
        """The model, on the CPU and in evaluation mode, from the files of the repository in `folder`."""

    @abstractmethod
    def _codes(self, samples: Any) -> list[IntArray]:
        """Codes of a float32 tensor `[n]` on the model's device: one int64 `[frames]` array per codebook."""

    @abstractmethod
    def _samples(self, codes: list[Any]) -> Any:
        """The tensor `[m]` that int64 tensors `[frames]` on the model's device, one per codebook, decode to."""

    @override
    def load(self, device: str = "cpu") -> None:
        if (reason := self.unsupported()) is not None:
            raise UnavailableError(reason)
        with snapshot(self.weight_files()) as folder:
            model = self._load(folder)
        self._device = device
        self._model = model.to(device).eval()

    @override
    def close(self) -> None:
        self._model = None

    def _encode(self, samples: FloatArray) -> Code:
        with self._inference():
            return self.tokens(self._codes(self._tensor(samples)))

    def _decode(self, code: Code) -> FloatArray:
        with self._inference():
            return as_samples(self._samples([self._tensor(codes) for codes in self.books(code)]))

    @contextmanager
    def _inference(self) -> Iterator[None]:
        """What surrounds every use of the model: no gradients, and the same random numbers each time.

        Raises:
            CodecError: The codec is not loaded.
        """
        import torch

        if self._model is None:
            raise CodecError(f"{self.name} is not loaded")
        # As fast as its makers have it; rounded, a token may tip over.
        with exact_inference(deterministic=False, precision=self.precision, device=self._device):
            torch.manual_seed(SEED)
            yield

    def _tensor(self, array: NDArray[Any]) -> Any:
        """An array as a tensor on the model's device."""
        import torch

        made = torch.from_numpy(np.ascontiguousarray(array))
        # From pinned memory the copy overlaps with what the GPU still does for the previous recording.
        return made.pin_memory().to(self._device, non_blocking=True) if self._device != "cpu" else made


def as_samples(decoded: Any) -> FloatArray:
    """A tensor of any device and precision as a float32 array."""
    return np.asarray(decoded.float().cpu().numpy(), np.float32)


def of_equal_size(sizes: Sequence[int]) -> list[list[int]]:
    """Positions of items of equal size: those that a model can take at once without padding, which would change them.

    >>> of_equal_size([320, 640, 320])
    [[0, 2], [1]]
    """
    groups: dict[int, list[int]] = {}
    for position, size in enumerate(sizes):
        groups.setdefault(size, []).append(position)
    return list(groups.values())


@contextmanager
def snapshot(files: Mapping[str, Path]) -> Iterator[Path]:
    """A temporary folder with links to the files of a repository under their published names, wherever each lies.

    Loaders expect one folder; mirrors may have the files in several. See `ReplaceableCodec.weight_files`.
    """
    with linked_folder({file_name(path): file for path, file in files.items()}) as folder:
        yield folder
