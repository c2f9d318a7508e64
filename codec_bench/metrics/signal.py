"""Signals as metrics see them, and the features that metrics share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import Audio, FloatArray
from codec_bench.cache import ArrayCache
from codec_bench.fingerprint import address, package_versions
from codec_bench.identity import function_parts, kept_for
from codec_bench.lending import WROTE, Held
from codec_bench.metrics.resampling import SOXR_HQ, Resampler
from codec_bench.records import NotScorable, Status

Array = NDArray[Any]

EDGE_FRAMES = 8
"""By how many frames a track may be longer or shorter than its signal divided by the distance of frames."""


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
        frame_seconds: Distance of what the result has along its first axis; 0 where it is no track. A kept result of
            another length than the signal is not of this signal.
        axes: How many the result has; None where that is not said.
        resampler: What brings a signal to the rate of the metric.
    """

    name: str
    function: Callable[[Audio], Array]
    version: int = 1
    packages: tuple[str, ...] = ()
    expensive: bool = False
    model: Any = None
    files: tuple[str, ...] = ()
    frame_seconds: float = 0.0
    axes: int | None = None
    resampler: Resampler = SOXR_HQ

    def fits(self, value: Array, audio: Audio) -> bool:
        """Whether a kept result may be of a signal; frames at the edges are counted differently by each definition."""
        if self.axes not in (None, value.ndim):
            return False
        if not self.frame_seconds:
            return True
        return value.ndim > 0 and abs(len(value) - audio.seconds / self.frame_seconds) <= EDGE_FRAMES

    @property
    def fingerprint(self) -> str:
        """Content address of the definition."""
        model = {} if self.model is None else {"model": self.model}
        versions = package_versions(self.packages)
        code = function_parts(self.function, files=self.files)
        heard = {} if self.resampler is SOXR_HQ else {"resampler": self.resampler.identity}
        return address(feature=self.name, version=self.version, packages=versions, **model, **code, **heard)

    @property
    def kept_for(self) -> dict[str, str]:
        """What the addresses of its results have besides; see `identity.kept_for`."""
        of_model: dict[str, str] = {} if self.model is None else self.model.kept_for
        return of_model | kept_for(self.function, files=self.files)


def feature(
    name: str,
    *,
    version: int = 1,
    packages: tuple[str, ...] = (),
    expensive: bool = False,
    frame_seconds: float = 0.0,
    axes: int | None = None,
) -> Callable[[Callable[[Audio], Array]], Feature]:
    """Decorator that turns a function of one `Audio` into a `Feature`."""

    def wrap(function: Callable[[Audio], Array]) -> Feature:
        return Feature(name, function, version, packages, expensive, frame_seconds=frame_seconds, axes=axes)

    return wrap


def feature_address(identity: str, wanted: Feature, rate: int) -> str:
    """Where a feature of a signal is kept."""
    heard = wanted.resampler.identity
    return address(signal=identity, feature=wanted.fingerprint, rate=rate, resampler=heard, **wanted.kept_for)


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
    _at: dict[tuple[int, str], Audio] = field(default_factory=dict)
    _features: dict[tuple[str, int], Array] = field(default_factory=dict)
    _held: Held | None = None

    def at(self, rate: int, resampler: Resampler = SOXR_HQ) -> Audio:
        """The signal at another rate; at its own for 0."""
        key = (rate, resampler.name)
        if key not in self._at:
            self._at[key] = resampler(self.audio, rate)
            if self._held is not None:
                self._held.lock(self._at[key].samples)
        return self._at[key]

    def feature(self, wanted: Feature, rate: int) -> Array:
        """A feature of the whole signal at `rate`.

        Raises:
            NotScorable: The feature is not defined for this signal.
        """
        memory = (wanted.fingerprint, rate)
        if memory not in self._features:
            value = self._stored(wanted, rate)
            if self._held is not None:
                value = np.array(value)  # of its own: the function may be the plug-in's, and keep what it returned
                self._held.lock(value)
            self._features[memory] = value
        return self._features[memory]

    def hold(self, held: Held | None) -> None:
        """Has everything that is handed out from now on read-only, until this is called with None."""
        self._held = held
        if held is not None:
            for array in (self.audio.samples, *(at.samples for at in self._at.values()), *self._features.values()):
                held.lock(np.asarray(array))

    def _stored(self, wanted: Feature, rate: int) -> Array:
        if self.cache is None or self.identity is None or not (self.is_reference or wanted.expensive):
            return wanted.function(self.at(rate, wanted.resampler))
        key = feature_address(self.identity, wanted, rate)
        entry = self.cache.get(key)
        if entry is not None and "value" in entry and not wanted.fits(entry["value"], self.at(rate, wanted.resampler)):
            self.cache.discard(key, "is of another signal")
            entry = None
        if entry is None:
            entry = {"value": np.asarray(wanted.function(self.at(rate, wanted.resampler)))}
            self.cache.put(key, entry)
        if "status" in entry:  # a model that was run over many signals gave none for this one
            raise NotScorable(str(entry["reason"]), Status(str(entry["status"])))
        return entry["value"]


@contextmanager
def read_only(recordings: Sequence[Recording]) -> Iterator[None]:
    """Keeps recordings, and all that is derived from them before and in the block, from being changed by what runs.

    Args:
        recordings: Recordings that others get too.

    Raises:
        ValueError: Something was written by way of memory that it shares; it is as before again.
    """
    held = Held()
    for recording in recordings:
        recording.hold(held)
    try:
        yield
    finally:
        for recording in recordings:
            recording.hold(None)
        if held.release():
            raise ValueError(f"it {WROTE}")


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
