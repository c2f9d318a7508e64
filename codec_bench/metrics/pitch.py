"""Pitch: gross errors, voicing errors and log-F0 distances between the pitch tracks of two signals.

A tracker is a `Feature` at 16 kHz that gives F0 in Hz per frame, 0 where a frame is unvoiced. Frames of the two signals
are compared by index, up to the end of the shorter track. Unvoiced frames never enter a distance as 0 Hz.

Definitions: W. Chu and A. Alwan, "Reducing F0 frame error of F0 tracking algorithms under noisy conditions with an
unvoiced/voiced classification frontend", ICASSP 2009 (GPE, VDE, FFE).
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import Audio
from codec_bench.cache import ArrayCache
from codec_bench.errors import UnavailableError
from codec_bench.metrics import register_metric
from codec_bench.metrics.fcpe import fcpe
from codec_bench.metrics.signal import Array, Feature, Signal, feature, feature_address
from codec_bench.records import NotScorable, Ratio, Status

FloatTrack = NDArray[np.float64]
BoolTrack = NDArray[np.bool_]

FRAME_SECONDS = 0.005
"""Distance of WORLD's frames."""

RATE = 16_000
"""Of the signals that are tracked."""

GROSS = 0.2
"""Relative deviation above which a pitch error is gross."""

PRAAT_FRAME_SECONDS = 0.01
PRAAT_FLOOR_HZ = 75.0


def world() -> Any:
    """The `pyworld` module, imported without the notice that it still uses pkg_resources."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        import pyworld
    return pyworld


def _dio(audio: Audio) -> tuple[FloatTrack, FloatTrack, FloatTrack]:
    """Samples in double precision, F0 and frame times."""
    samples = audio.samples.astype(np.float64)
    f0, times = world().dio(samples, audio.rate, frame_period=1000 * FRAME_SECONDS)
    return samples, f0, times


@feature("f0/world-dio", packages=("pyworld",), frame_seconds=FRAME_SECONDS)
def dio(audio: Audio) -> FloatTrack:
    """F0 by WORLD's DIO alone, 5 ms frames, 71 to 800 Hz (Morise et al. 2009): float64 `[frames]` in Hz."""
    return _dio(audio)[1]


@feature("f0/world-dio-stonemask", packages=("pyworld",), frame_seconds=FRAME_SECONDS)
def dio_stonemask(audio: Audio) -> FloatTrack:
    """F0 by WORLD's DIO, refined by StoneMask, 5 ms frames, 71 to 800 Hz: float64 `[frames]` in Hz."""
    samples, f0, times = _dio(audio)
    refined: FloatTrack = world().stonemask(samples, f0, times, audio.rate)
    return refined


@feature("f0/praat", packages=("praat-parselmouth",), frame_seconds=PRAAT_FRAME_SECONDS)
def praat(audio: Audio) -> FloatTrack:
    """F0 by Praat's autocorrelation method (Boersma 1993), 10 ms frames, 75 to 600 Hz: float64 `[frames]` in Hz.

    Raises:
        NotScorable: Shorter than three periods of 75 Hz.
        UnavailableError: The extra `praat` is not installed.
    """
    try:
        import parselmouth
    except ImportError:
        raise UnavailableError("the pitch tracker praat needs: pip install 'codec-bench[praat]'") from None
    if audio.seconds < 3 / PRAAT_FLOOR_HZ:
        raise NotScorable(f"shorter than the {3000 / PRAAT_FLOOR_HZ:.0f} ms that Praat needs", Status.TOO_SHORT)
    sound = parselmouth.Sound(audio.samples.astype(np.float64), float(audio.rate))
    pitch = sound.to_pitch(time_step=PRAAT_FRAME_SECONDS, pitch_floor=PRAAT_FLOOR_HZ)
    return np.asarray(pitch.selected_array["frequency"], np.float64)


TRACKERS: dict[str, dict[str, Feature]] = {"praat": {"track": praat}, "dio": {"track": dio}, "fcpe": {"track": fcpe}}
"""Variants of all pitch metrics."""

TRACKS = (dio_stonemask, *(variant["track"] for variant in TRACKERS.values()))


def is_track(wanted: Feature) -> bool:
    """Whether a feature is F0 in Hz by frame."""
    return wanted in TRACKS


def median_pitch(identity: str, cache: ArrayCache, track: Feature) -> float | None:
    """Median F0 in Hz of the voiced frames of a signal, by a track that was kept when the signal was scored.

    Args:
        identity: Content address of the signal.
        cache: Where features are kept.
        track: Which tracker's.

    Returns:
        None if no track was kept, or no frame is voiced.
    """
    entry = cache.get(feature_address(identity, track, RATE))
    if entry is None or "value" not in entry:
        return None
    voiced = entry["value"][entry["value"] > 0]
    return round(float(np.median(voiced)), 3) if voiced.size else None


_pitch = partial(register_metric, family="pitch", packages=("pyworld",), variants=TRACKERS)
_errors = partial(_pitch, unit="%", better="lower", range=(0, 100), digits=2)


def cut_to_shorter(first: Array, second: Array) -> tuple[Array, Array]:
    """Two tracks `[frames]`, up to the end of the shorter one."""
    frames = min(len(first), len(second))
    return first[:frames], second[:frames]


def _tracks(reference: Signal, decoded: Signal, track: Feature) -> tuple[FloatTrack, FloatTrack]:
    return cut_to_shorter(reference[track], decoded[track])


def _voiced_in_both(first: FloatTrack, second: FloatTrack) -> BoolTrack:
    both: BoolTrack = (first > 0) & (second > 0)
    if not both.any():
        raise NotScorable("no frame is voiced in both signals", Status.UNVOICED)
    return both


def voiced_f1(first: BoolTrack, second: BoolTrack) -> Ratio:
    """F1 score of the frames that are voiced, against the first signal's voicing.

    Raises:
        NotScorable: No frame of either signal is voiced.
    """
    voiced = int(first.sum()) + int(second.sum())
    if not voiced:
        raise NotScorable("no frame of either signal is voiced", Status.UNVOICED)
    return Ratio(2 * int((first & second).sum()), voiced)


def _gross(first: FloatTrack, second: FloatTrack) -> int:
    """How many of these voiced frames are off by more than 20 %."""
    return int((np.abs(second / first - 1) > GROSS).sum())


@_errors(
    "gpe",
    title="GPE",
    note="gross pitch error: frames off by more than 20 % among those voiced in both signals, pooled; "
    "WORLD DIO + StoneMask, 5 ms, unless the column names another tracker",
)
def gross_pitch_error(reference: Signal, decoded: Signal, *, track: Feature = dio_stonemask) -> Ratio:
    """Gross pitch error: frames whose F0 is off by more than 20 %, out of the frames that are voiced in both signals.

    Args:
        reference: Original at 16 kHz.
        decoded: Reconstruction at 16 kHz.
        track: Pitch tracker.

    Raises:
        NotScorable: No frame is voiced in both.

    >>> from codec_bench.metrics import metric
    >>> voice = np.sign(np.sin(2 * np.pi * 120 * np.arange(16_000) / 16_000)) / 4
    >>> float(metric("gpe")(voice, voice, 16_000))
    0.0
    """
    first, second = _tracks(reference, decoded, track)
    both = _voiced_in_both(first, second)
    return Ratio(_gross(first[both], second[both]), int(both.sum()))


@_errors(
    "vde",
    title="VDE",
    note="voicing decision error: frames voiced in one signal only, of all frames, pooled; tracker as for GPE",
)
def voicing_decision_error(reference: Signal, decoded: Signal, *, track: Feature = dio_stonemask) -> Ratio:
    """Voicing decision error: frames voiced in one of the signals only, out of all frames; arguments as for GPE."""
    first, second = _tracks(reference, decoded, track)
    return Ratio(int(((first > 0) != (second > 0)).sum()), len(first))


@_errors(
    "ffe",
    title="FFE",
    note="F0 frame error: frames with a voicing or a gross pitch error, of all frames, pooled; tracker as for GPE",
)
def f0_frame_error(reference: Signal, decoded: Signal, *, track: Feature = dio_stonemask) -> Ratio:
    """F0 frame error: frames with a voicing or a gross pitch error, out of all frames; arguments as for GPE."""
    first, second = _tracks(reference, decoded, track)
    both = (first > 0) & (second > 0)
    wrong_voicing = int(((first > 0) != (second > 0)).sum())
    return Ratio(wrong_voicing + _gross(first[both], second[both]), len(first))


@_pitch(
    "vuv_f1",
    better="higher",
    range=(0, 1),
    title="V/UV F1",
    note="F1 of the voiced decision per frame, pooled; tracker as for GPE (papers that use CREPE are not comparable)",
)
def voicing_f1(reference: Signal, decoded: Signal, *, track: Feature = dio_stonemask) -> Ratio:
    """F1 score of the voiced frames, `2 tp / (2 tp + fp + fn)` against the reference's voicing; arguments as for GPE.

    Raises:
        NotScorable: No frame of either signal is voiced.
    """
    first, second = _tracks(reference, decoded, track)
    return voiced_f1(first > 0, second > 0)


@_pitch(
    "logf0_rmse",
    better="lower",
    range=(0, None),
    title="log-F0 RMSE",
    note="root mean square of the difference of ln F0 over frames voiced in both signals (0.058 is a semitone), mean "
    "over utterances; tracker as for GPE",
)
def log_f0_rmse(reference: Signal, decoded: Signal, *, track: Feature = dio_stonemask) -> float:
    """Root mean square difference of ln F0 over the frames that are voiced in both signals; arguments as for GPE.

    A constant shift by a semitone gives ln(2) / 12 = 0.0578.

    Raises:
        NotScorable: No frame is voiced in both.
    """
    first, second = _tracks(reference, decoded, track)
    both = _voiced_in_both(first, second)
    return float(np.sqrt(np.mean(np.log(second[both] / first[both]) ** 2)))


@_pitch(
    "logf0_corr",
    better="higher",
    range=(-1, 1),
    title="log-F0 corr.",
    note="Pearson correlation of ln F0 over frames voiced in both signals, mean over utterances; tracker as for GPE",
)
def log_f0_correlation(reference: Signal, decoded: Signal, *, track: Feature = dio_stonemask) -> float:
    """Pearson correlation of ln F0 over the frames that are voiced in both signals; arguments as for GPE.

    Raises:
        NotScorable: No frame is voiced in both, fewer than three are, or one of the tracks is constant.
    """
    first, second = _tracks(reference, decoded, track)
    both = _voiced_in_both(first, second)
    if (frames := int(both.sum())) < 3:
        raise NotScorable(f"only {frames} frames are voiced in both signals; a correlation needs 3", Status.UNDEFINED)
    logs = np.log([first[both], second[both]])
    if (np.ptp(logs, axis=1) == 0).any():
        raise NotScorable("the pitch is constant, so it has no correlation", Status.UNDEFINED)
    return float(np.corrcoef(logs)[0, 1])
