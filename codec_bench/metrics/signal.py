"""Signals as metrics see them, and the features that metrics share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import RESAMPLER, Audio, FloatArray, resample
from codec_bench.cache import ArrayCache
from codec_bench.fingerprint import address, package_versions
from codec_bench.identity import function_parts
from codec_bench.records import NotScorable, Status

Array = NDArray[Any]


@dataclass(frozen=True)
class Feature:
    """A pure function of one signal that several metrics, or several systems, need: a pitch track, a transcript.

    Attributes:
        name: For addresses and messages.
        function: Takes the whole signal as `Audio`, returns an array (a text as a 0-d string array). It may raise
            `NotScorable`.
        version: Raised whenever the result changes.
        packages: Distributions whose installed version decides the result.
        expensive: Kept on disk for decoded signals too, not only for references.
        model: The learned model that `function` applies, where it is one; see `metrics/model.py`.
        files: Files that the function of a plug-in reads, as it names them or beside its module.
    """

    name: str
    function: Callable[[Audio], Array]
    version: int = 1
    packages: tuple[str, ...] = ()
    expensive: bool = False
    model: Any = None
    files: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Content address of the definition."""
        model = {} if self.model is None else {"model": self.model}
        versions = package_versions(self.packages)
        code = function_parts(self.function, files=self.files)
        return address(feature=self.name, version=self.version, packages=versions, **model, **code)


def feature(
    name: str, *, version: int = 1, packages: tuple[str, ...] = (), expensive: bool = False
) -> Callable[[Callable[[Audio], Array]], Feature]:
    """Decorator that turns a function of one `Audio` into a `Feature`."""

    def wrap(function: Callable[[Audio], Array]) -> Feature:
        return Feature(name, function, version, packages, expensive)

    return wrap


def feature_address(identity: str, wanted: Feature, rate: int) -> str:
    """Where a feature of a signal is kept."""
    resampler = [RESAMPLER, package_versions(["soxr"])]
    return address(signal=identity, feature=wanted.fingerprint, rate=rate, resampler=resampler)


@dataclass
class Recording:
    """One signal with everything that was derived from it: resampled copies and features, each made once.

    Attributes:
        audio: The signal at its own rate.
        identity: Content address of the signal; None keeps features in memory only.
        cache: Where features are kept between systems and runs.
        is_reference: Whether all features are kept, or only expensive ones.
    """

    audio: Audio
    identity: str | None = None
    cache: ArrayCache | None = None
    is_reference: bool = False
    _at: dict[int, Audio] = field(default_factory=dict)
    _features: dict[tuple[str, int], Array] = field(default_factory=dict)

    def at(self, rate: int) -> Audio:
        """The signal at another rate; at its own for 0."""
        if not rate:
            return self.audio
        if rate not in self._at:
            self._at[rate] = resample(self.audio, rate)
        return self._at[rate]

    def feature(self, wanted: Feature, rate: int) -> Array:
        """A feature of the whole signal at `rate`.

        Raises:
            NotScorable: The feature is not defined for this signal.
        """
        memory = (wanted.fingerprint, rate)
        if memory not in self._features:
            self._features[memory] = self._stored(wanted, rate)
        return self._features[memory]

    def known(self) -> Iterable[Array]:
        """The features that were computed."""
        return self._features.values()

    def _stored(self, wanted: Feature, rate: int) -> Array:
        if self.cache is None or self.identity is None or not (self.is_reference or wanted.expensive):
            return wanted.function(self.at(rate))
        key = feature_address(self.identity, wanted, rate)
        entry = self.cache.get(key)
        if entry is None:
            entry = {"value": np.asarray(wanted.function(self.at(rate)))}
            self.cache.put(key, entry)
        if "status" in entry:  # a model that was run over many signals gave none for this one
            raise NotScorable(str(entry["reason"]), Status(str(entry["status"])))
        return entry["value"]


@contextmanager
def read_only(recordings: Sequence[Recording], rates: Sequence[int]) -> Iterator[None]:
    """Keeps the samples of recordings, and the features that they have, from being changed by what runs in the block.

    Args:
        recordings: Recordings that others get too.
        rates: At which they are asked for.

    Raises:
        ValueError: Something was written by way of memory that it shares; it is as before again.
    """
    arrays = [recording.at(rate).samples for recording, rate in zip(recordings, rates, strict=True)]
    arrays += [recording.audio.samples for recording in recordings]
    arrays += [value for recording in recordings for value in recording.known() if isinstance(value, np.ndarray)]
    arrays = list({id(array): array for array in arrays}.values())
    before = [(array, array.flags.writeable, array.copy()) for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    try:
        yield
    finally:
        changed = False
        for array, is_writeable, copy in before:
            with suppress(ValueError):
                array.flags.writeable = is_writeable
            if array.tobytes() != copy.tobytes():
                changed = True
                array.flags.writeable = True
                array[...] = copy
        if changed:
            raise ValueError("it wrote into its input: work on a copy")


@dataclass(frozen=True)
class Signal:
    """A recording at the rate of a metric.

    Attributes:
        recording: Where it comes from.
        rate: Sampling rate in Hz.
        length: Samples that both signals of a pair have.
    """

    recording: Recording
    rate: int
    length: int

    @property
    def samples(self) -> FloatArray:
        """float32 `[length]`: cut to the shorter signal of the pair, from sample 0."""
        return self.recording.at(self.rate).samples[: self.length]

    @property
    def is_silent(self) -> bool:
        """Whether nothing in `samples` rises above half a step of 16-bit audio."""
        return Audio(self.samples, self.rate).is_silent

    def __getitem__(self, wanted: Feature) -> Array:
        """A feature of the whole, uncut signal: cut frames where a pair must match."""
        return self.recording.feature(wanted, self.rate)
