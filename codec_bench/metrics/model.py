"""Learned models that turn signals into arrays: where their files are, how they are loaded and batched."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, wraps
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from typing_extensions import override

from codec_bench.audio import Audio
from codec_bench.errors import UnavailableError
from codec_bench.extras import cannot_import
from codec_bench.fingerprint import address, package_versions
from codec_bench.hub import RemoteFile, is_published, local_digest, locate, missing
from codec_bench.identity import function_parts, kept_for
from codec_bench.inference import exact_inference, one_thread
from codec_bench.metrics.resampling import SOXR_HQ, Resampler
from codec_bench.metrics.signal import Array, Feature
from codec_bench.records import NotScorable, Status

if TYPE_CHECKING:
    from torch import Tensor

ModelOutput = Array | NotScorable
"""What a model makes of one signal: an array, or why there is none."""

Apply = Callable[[Any, Sequence[Audio]], Sequence[ModelOutput]]
"""From what a model's `load` returned, and signals of one rate, to one output per signal."""


@dataclass(frozen=True)
class Model:
    """A learned model; a `Feature` that has one is computed for many signals at once where a GPU is.

    Attributes:
        name: For messages, e.g. `nisqa`.
        load: Loads it onto a device (`cpu`, `cuda`, `cuda:1`) and returns whatever `apply` takes.
        apply: Takes what `load` returned and signals of one rate; returns one output per signal, in their order, equal
            to what it returns for each of them alone. For torch it is called within `exact_inference`.
        weights: Files that `load` reads, with `hub.locate`.
        packages: Distributions whose installed version decides the result.
        modules: What has to be importable.
        extra: The extra of codec-bench that installs them.
        licence: Licence of the weights.
        version: Raised whenever the result changes.
        equal_lengths: Whether signals of a batch must have one length, because padding would change the result.
        batch_seconds: Seconds of audio that a batch may have together.
        is_heavy: Whether one process computes it for all, also on a CPU: every scoring process would need its memory.
    """

    name: str
    load: Callable[[str], Any]
    apply: Apply
    weights: Sequence[RemoteFile] = ()
    packages: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    extra: str = ""
    licence: str = ""
    version: int = 1
    equal_lengths: bool = False
    batch_seconds: float = 240.0
    is_heavy: bool = False

    @property
    def fingerprint(self) -> str:
        """Content address of the definition and the files."""
        return address(
            model=self.name,
            version=self.version,
            packages=package_versions(self.packages),
            weights=self.weight_digests(),
            **function_parts(self.load, self.apply),
        )

    @property
    def kept_for(self) -> dict[str, str]:
        """See `identity.kept_for`."""
        return kept_for(self.load, self.apply, is_known=bool(self.weights))

    def weight_digests(self) -> dict[str, str | None]:
        """SHA-256 by file; None for a missing file without a published digest."""
        digests: dict[str, str | None] = {}
        for weight in self.weights:
            try:
                digests[weight.path] = weight.sha256 or local_digest(locate(weight))
            except UnavailableError:
                digests[weight.path] = None
        return digests

    def unsupported(self) -> str | None:
        """Why it cannot run here whatever is downloaded, with the command that helps; None if it can."""
        return cannot_import(self.modules, self.extra) if self.modules else None

    def problem(self, command: str) -> str | None:
        """Why it cannot run here now, with the command that helps; None if it can.

        Args:
            command: What fetches its files, e.g. `codec-bench fetch metric:nisqa`.
        """
        absent = missing(self.weights)
        if (reason := self.unsupported()) is not None or not absent:
            return reason
        return f"{absent[0].path} is missing: {command} downloads it, or add a folder that has it to CODEC_BENCH_MIRROR"

    def __call__(self, audio: Audio) -> Array:
        """The result for one signal, computed on the CPU of this process with one thread.

        Raises:
            NotScorable: The model gives none.
            UnavailableError: An extra or a file is missing.
        """
        (output,) = run_model(self, [audio], "cpu")
        if isinstance(output, NotScorable):
            raise output
        return output


@dataclass(frozen=True)
class PublishedModel(Model):
    """A model of one published file, which need not be fetched where an installed package has it.

    Attributes:
        published: The file; `weights`, which are fetched, is empty if a package has it.
    """

    published: RemoteFile | None = None

    @override
    def weight_digests(self) -> dict[str, str | None]:
        # Wherever the file comes from, so that the fingerprint does not depend on that.
        return {} if self.published is None else {self.published.path: self.published.sha256}


class Packaged(Sequence[RemoteFile]):
    """What has to be fetched of a published file: nothing where an installed package has it.

    That is found out on first use, since the digest of a large file takes a while, and modules are imported for less.
    """

    def __init__(self, remote: RemoteFile, package: str, folder: str) -> None:
        """Takes the file, and the package and its folder that may have it."""
        self.remote, self.package, self.folder = remote, package, folder

    @cached_property
    def installed(self) -> Path | None:
        """The copy in the package, or None if there is none, or another one."""
        spec = find_spec(self.package)
        for place in (spec.submodule_search_locations if spec is not None else None) or ():
            path = Path(place, self.folder, Path(self.remote.path).name)
            if path.is_file() and is_published(self.remote, path):
                return path
        return None

    def __len__(self) -> int:
        return 0 if self.installed else 1

    @overload
    def __getitem__(self, index: int) -> RemoteFile: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[RemoteFile, ...]: ...

    def __getitem__(self, index: int | slice) -> RemoteFile | tuple[RemoteFile, ...]:
        return (() if self.installed else (self.remote,))[index]


def model_feature(model: Model, resampler: Resampler = SOXR_HQ) -> Feature:
    """The feature that a model computes; kept on disk for all signals."""
    return Feature(model.name, model, expensive=True, model=model, resampler=resampler)


def one_by_one(shortest: int, too_short: str) -> Callable[[Callable[[Any, Audio], Array]], Apply]:
    """Decorator that makes `Model.apply` of a function of a network and one signal, where padding would change it.

    Args:
        shortest: Samples that a signal needs.
        too_short: What is said of a signal that has fewer.
    """

    def wrap(network: Callable[[Any, Audio], Array]) -> Apply:
        @wraps(network)
        def apply(loaded: Any, audios: Sequence[Audio]) -> list[ModelOutput]:
            lacking = NotScorable(too_short, Status.TOO_SHORT)
            return [lacking if len(audio) < shortest else network(loaded, audio) for audio in audios]

        return apply

    return wrap


def stacked(shortest: int, too_short: str) -> Callable[[Callable[[Any, Sequence[Audio]], Tensor]], Apply]:
    """Decorator that makes `Model.apply` of a function from loaded weights and signals of one length to `[batch, ...]`.

    Args:
        shortest: Samples that a signal needs.
        too_short: What is said of a signal that has fewer.
    """

    def wrap(network: Callable[[Any, Sequence[Audio]], Tensor]) -> Apply:
        @wraps(network)
        def apply(loaded: Any, audios: Sequence[Audio]) -> list[ModelOutput]:
            if len(audios[0]) < shortest:
                return [NotScorable(too_short, Status.TOO_SHORT)] * len(audios)
            return [np.asarray(row, np.float32) for row in network(loaded, audios).float().cpu().numpy()]

        return apply

    return wrap


def waves(audios: Sequence[Audio], device: Any) -> Tensor:
    """Signals of one length, float32 `[batch, n]`."""
    import torch

    return torch.from_numpy(np.stack([audio.samples for audio in audios])).to(device)


_LOADED: dict[tuple[int, str], tuple[Model, Any]] = {}
_LOCK = threading.Lock()


def run_model(model: Model, audios: Sequence[Any], device: str) -> list[ModelOutput]:
    """Applies a model to signals, or to whatever else it takes. It stays loaded until `free_models`.

    On a GPU convolutions are exact, as on a CPU. On a CPU one thread is used, so that a result depends neither on the
    machine nor on how many processes share it; heavy models, which one process computes for all, use every core.

    Raises:
        UnavailableError: An extra or a file is missing.
    """
    with _LOCK:
        loaded = _loaded(model, device)
        if "torch" not in model.packages:
            return list(model.apply(loaded, audios))
        has_all_cores = model.is_heavy or device != "cpu"
        with exact_inference(), nullcontext() if has_all_cores else one_thread():
            return list(model.apply(loaded, audios))


def _loaded(model: Model, device: str) -> Any:
    key = (id(model), device)
    if key not in _LOADED:
        if (reason := model.unsupported()) is not None:
            raise UnavailableError(f"{model.name} cannot run here: {reason}")
        _LOADED[key] = (model, model.load(device))
    return _LOADED[key][1]


def free_models() -> None:
    """Frees all models of this process."""
    _LOADED.clear()
    import gc
    import sys

    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def entry_of(output: ModelOutput) -> Mapping[str, Any]:
    """An output as the feature cache keeps it."""
    if isinstance(output, NotScorable):
        return {"status": np.array(output.status.value), "reason": np.array(output.reason)}
    return {"value": np.asarray(output)}
