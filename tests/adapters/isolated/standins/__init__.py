"""Source trees with the import paths, class names, signatures and axis order of codecs on GitHub, and tiny networks.

They insist on the shapes that the real networks take (`assert`). Each module has

- `CLASSES`: the codecs that it stands in for, and `SETTINGS` of them that differ in what their worker does; `LENGTHS`
  of recordings, where a frame's end is not what matters;
- `SOURCES`: the files of each source tree by repository, and in `PACKAGES` what pip would install;
- `weights(mirror)`: writes weights in the layout of the published ones;
- `expected(mirror, codec, samples)`: what comes of them, by plain tensor operations;
- `WRONG`: files of another kind, and what is said of them.
"""

from __future__ import annotations

import importlib
import io
import pkgutil
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source

NAMES = tuple(module.name for module in pkgutil.iter_modules(__path__))

Setting = tuple[type[IsolatedCodec], str | None]
Samples = NDArray[np.float32]


@dataclass
class Expected:
    """What an encoder gives, computed once more.

    Attributes:
        codes: Of each codebook, `[frames]`.
        decoded: The audio `[n]` of such codes, or of those of the first codebooks.
        side: Side information.
        side_bits: What it costs.
        latents: What codes stand for.
        agreement: How many of the codes are equal: fewer where another order of the same sums moves some.
    """

    codes: list[Tensor]
    decoded: Callable[[list[Tensor]], Tensor]
    side: Mapping[str, Tensor] = field(default_factory=dict)
    side_bits: int = 0
    latents: Callable[[list[Tensor]], Mapping[str, Tensor]] = lambda codes: {}
    agreement: float = 1.0


@dataclass
class Wrong:
    """A file that is not the published one.

    Attributes:
        setting: Codec and mode that it is given to.
        number: Which of the codec's weights it replaces.
        write: Writes it.
        message: What is said of it.
    """

    setting: Setting
    number: int
    write: Callable[[Path], object]
    message: str


def module_of(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{name}")


def prepare(name: str, mirror: Path, patch: pytest.MonkeyPatch) -> None:
    """Makes the environments of a stand-in, writes its weights, and lets its codecs use both."""
    module = module_of(name)
    for real in dict.fromkeys(cls.environment for cls in module.CLASSES):
        made = environment(real, mirror, module.SOURCES)
        (site,) = made.folder.glob("venv/lib/python*/site-packages")
        for place, text in getattr(module, "PACKAGES", {}).items():
            (site / place).parent.mkdir(parents=True, exist_ok=True)
            (site / place).write_text(text, encoding="utf-8")
        for cls in module.CLASSES:
            if cls.environment == real:
                patch.setattr(cls, "environment", made)
    if hasattr(module, "adjust"):
        module.adjust(patch)
    torch.manual_seed(0)
    module.weights(mirror)


def environment(real: Environment, mirror: Path, files: Mapping[str, Mapping[str, str]]) -> Environment:
    """The environment of a codec, made here: its sources are stand-ins, and its packages are ours."""
    sources = tuple(replace(source, tree=None) for source in real.sources)
    for source in sources:
        pack(mirror, source, files[source.repository])
    made = replace(real, requirements=(), without_dependencies=(), sources=sources, python="", inherits=True)
    made.create()
    return made


def pack(mirror: Path, source: Source, files: Mapping[str, str]) -> None:
    """Writes the archive that GitHub would send for a commit, with other content."""
    path = mirror / source.remote.path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            data = text.encode()
            info = tarfile.TarInfo(f"{source.repository.rpartition('/')[2]}-{source.commit}/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def write(path: Path, content: Any) -> None:
    """A file of tensors, an array or a text, as its suffix tells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif isinstance(content, np.ndarray):
        np.save(path, content)
    elif path.suffix == ".safetensors":
        save_file(content, path)
    else:
        torch.save(content, path)


def analysed(samples: Samples, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A convolution that takes frame after frame, zeros filling the last one: `[frames, dimension]`."""
    hop = weight.shape[-1]
    padded = torch.from_numpy(np.pad(samples, (0, -len(samples) % hop)))
    return functional.conv1d(padded[None, None], weight, bias, hop)[0].T


def synthesised(vectors: Tensor, weight: Tensor) -> Tensor:
    """The reverse, for vectors `[frames, dimension]`."""
    return functional.conv_transpose1d(vectors.T[None], weight, stride=weight.shape[-1])[0, 0]


def nearest(x: Tensor, table: Tensor) -> Tensor:
    return torch.cdist(x, table).argmin(-1)


def residual(x: Tensor, tables: Sequence[Tensor]) -> list[Tensor]:
    """Codes of `[frames, dimension]`, one table after the other."""
    codes = []
    for table in tables:
        codes.append(nearest(x, table))
        x = x - table[codes[-1]]
    return codes


def summed(tables: Sequence[Tensor], codes: Sequence[Tensor]) -> Tensor:
    """The vectors of codes, of as many tables as there are."""
    return torch.stack([table[book] for table, book in zip(tables, codes, strict=False)]).sum(0)
