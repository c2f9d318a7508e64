"""Loudness of what listeners compare: no codec should be preferred for being louder."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import Audio
from codec_bench.errors import UsageError
from codec_bench.listening_tests.config import SHORTEST

MAX_PEAK_DB = -1.0
"""Relative to full scale: room for the overshoot of the resampler in the browser."""


def loudness(audio: Audio, what: str) -> float:
    """Integrated loudness of ITU-R BS.1770-4 in LUFS.

    Args:
        audio: At least 0.4 s.
        what: How the message names it.

    Raises:
        UsageError: The audio is too short, or nothing in it is louder than the gate of -70 LUFS.
    """
    import pyloudnorm

    if audio.seconds < SHORTEST:
        raise UsageError(f"{what} is shorter than {SHORTEST} s, which has no loudness")
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore")  # that all blocks are below the gate is said below
        value = float(pyloudnorm.Meter(audio.rate).integrated_loudness(audio.samples.astype(np.float64)))
    if not np.isfinite(value):
        raise UsageError(f"{what} is silent: it has no loudness to align")
    return value


def align(
    signals: dict[str, Audio], reference: str, what: str
) -> tuple[dict[str, NDArray[np.float64]], dict[str, float]]:
    """Gives all signals the loudness of the reference, and turns all of them down where one would clip.

    Args:
        signals: By name, at one rate.
        reference: Name of the one that keeps its loudness, but for the common attenuation.
        what: How messages name the item.

    Returns:
        Samples by name, all peaks at -1 dB of full scale or lower; and the gain of each in dB.

    Raises:
        UsageError: A signal is silent.
    """
    target = loudness(signals[reference], f"{what} of {reference}")
    gains = {name: target - loudness(audio, f"{what} of {name}") for name, audio in signals.items()}
    peak = max(float(20 * np.log10(audio.peak)) + gains[name] for name, audio in signals.items())
    common = min(0.0, MAX_PEAK_DB - peak)
    gains = {name: gain + common for name, gain in gains.items()}
    samples = {name: audio.samples.astype(np.float64) * 10 ** (gains[name] / 20) for name, audio in signals.items()}
    return samples, gains
