"""How late decoded audio is: the one lag of a whole file at which it fits its recording best, and its removal.

Two looks, each trusted only where its best lag stands out. The first compares waveforms: the cross-correlation with
flattened spectra, as GCC-PHAT (Knapp and Carter, 1976) flattens them, but not entirely, so that bands without speech
count less. Codecs that keep the waveform have one sharp peak there, of either sign. Vocoders and generative decoders
choose phases of their own and have many, a period of the voice apart; so the second look compares the courses of the
level in a few bands, which know no phase.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import Audio, FloatArray, fit, length_at, resample

ALIGNED = "aligned/1"
"""How a lag is found and removed, by version: part of the address of an aligned signal, and the end of the fingerprint
of a metric that is given such signals."""

LAG_RATE = 16_000
"""Sampling rate in Hz at which signals are compared; the lag is finer, see `lag_samples`."""

MAX_LAG_SECONDS = 1.0
"""Larger lags are not looked for."""

LOOKED_AT_SECONDS = 60.0
"""The part of a recording, from its beginning, that is compared: a constant lag shows in any part."""

_FLATTENING = 0.8
"""Exponent by which the cross-spectrum is divided by its magnitude: 0 is plain correlation, 1 is GCC-PHAT."""

_LOWEST_HZ = 60.0
"""Hum and offsets below it say nothing."""

_LOBE = LAG_RATE // 1000
"""Samples to each side of the peak that belong to it: 1 ms, less than a period of any voice."""

_SECOND_PEAK = 0.5
"""The waveforms have a clear lag if no other peak is higher than this share of the best one..."""

_ABOVE_MEDIAN = 50.0
"""... and the best one is so many times the median magnitude of all lags."""

SHORTEST_SECONDS = 0.2
"""In less, there is too little to tell one lag from another."""

_FRAME, _HOP = 512, 64
"""Samples of a frame whose levels are taken, and between two frames."""

_BANDS_HZ = (100, 400, 800, 1600, 3200, 6400)
"""Edges of the bands."""

_FLOOR = 1e-5
"""Levels stop 50 dB below the loudest one: what is quieter is noise of the codec."""

_LIKENESS = 0.3
"""The levels have a clear lag if their correlation there is at least this..."""

_SECOND_LIKENESS = 0.8
"""... and nowhere else more than this share of it."""

LEVELS_TELL_MS = 5.0
"""Smaller lags are none as far as levels can tell: vocoders smear them by up to 3 ms in sentences."""


def lag_samples(reference: Audio, decoded: Audio, rate: int, *, by_levels: bool = True) -> int | None:
    """By how many samples decoded audio is late.

    Args:
        reference: The recording; it is resampled unless it is at `LAG_RATE`, as is `decoded`.
        decoded: The decoded audio.
        rate: Sampling rate in Hz of the samples that are counted, usually that of the decoded audio as it is.
        by_levels: Whether levels are compared where waveforms are too unlike. Not for what was given to the codec with
            noise or the sound of a room: a room's decay alone makes levels 20 ms late.

    Returns:
        A number of samples, positive where the audio is late, negative where it is early; None where no lag of up to
        `MAX_LAG_SECONDS` is clearly better than all others: silence, steady tones, very short or unrelated signals.
    """
    length = int(LOOKED_AT_SECONDS * LAG_RATE)
    x, y = (resample(audio, LAG_RATE).samples[:length] for audio in (reference, decoded))
    if min(len(x), len(y)) < SHORTEST_SECONDS * LAG_RATE or not all(s.any() and np.isfinite(s).all() for s in (x, y)):
        return None
    lag = _lag_of_waveforms(x, y, rate)
    return _lag_of_levels(x, y, rate) if lag is None and by_levels else lag


def lag_ms(samples: int, rate: int) -> float:
    """A number of samples in milliseconds, so that `samples_of` gives it back.

    >>> lag_ms(1536, 24_000), samples_of(64.0, 24_000)
    (64.0, 1536)
    """
    return round(1000 * samples / rate, 4)


def samples_of(milliseconds: float, rate: int) -> int:
    """The nearest number of samples at `rate`."""
    return round(milliseconds * rate / 1000)


def aligned(decoded: Audio, lag: int | None, reference: Audio) -> Audio:
    """Decoded audio moved to where it belongs, at the length of its recording; as it is if there is nothing to move.

    Args:
        decoded: The decoded audio.
        lag: By how many of its samples it is late; None if that is not known.
        reference: The recording, for its length.
    """
    if not lag:
        return decoded
    length = length_at(len(reference), reference.rate, decoded.rate)
    moved = decoded.samples[lag:] if lag > 0 else np.concatenate([np.zeros(-lag, np.float32), decoded.samples])
    return Audio(np.ascontiguousarray(fit(moved, length)), decoded.rate)


def _lag_of_waveforms(x: FloatArray, y: FloatArray, rate: int) -> int | None:
    """The lag at which two waveforms or one and the other's negative are most alike, if there is one such lag."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(len(x) + len(y), real=True)
    cross = rfft(y, size) * np.conj(rfft(x, size))
    cross[: int(_LOWEST_HZ * size / LAG_RATE)] = 0
    magnitude = np.abs(cross)
    cross /= np.maximum(magnitude, 1e-6 * magnitude.max() + np.finfo(np.float32).tiny) ** _FLATTENING
    correlation = irfft(cross, size)
    lags = np.arange(-_most(len(x), len(y)), _most(len(x), len(y)) + 1)
    heights = np.abs(correlation[lags % size])
    best = int(heights.argmax())
    others = np.concatenate([heights[: max(0, best - _LOBE)], heights[best + _LOBE + 1 :]])
    peak = float(heights[best])
    if peak < _ABOVE_MEDIAN * float(np.median(heights)) or others.max(initial=0.0) > _SECOND_PEAK * peak:
        return None
    return _between_samples(correlation, int(lags[best]), rate)


def _between_samples(correlation: NDArray[Any], lag: int, rate: int) -> int:
    """The sample at `rate` at which a band-limited correlation is highest, next to the highest one at `LAG_RATE`."""
    nearby = np.arange(lag - 32, lag + 33)
    known = correlation[nearby % len(correlation)]
    first, last = (round((lag + side) * rate / LAG_RATE) for side in (-1, 1))
    wanted = np.arange(first, last + 1)
    offsets = wanted[:, None] * (LAG_RATE / rate) - nearby
    values = (np.sinc(offsets) * np.cos(np.clip(offsets / 33, -1, 1) * np.pi / 2) ** 2) @ known
    return int(wanted[np.abs(values).argmax()])


def _lag_of_levels(x: FloatArray, y: FloatArray, rate: int) -> int | None:
    """The lag at which the levels of two signals take the same course, if there is one such lag."""
    from scipy.fft import irfft, next_fast_len, rfft

    a, b = _levels(x), _levels(y)
    size = next_fast_len(a.shape[1] + b.shape[1], real=True)
    norm = float(np.sqrt(np.square(a).sum() * np.square(b).sum()))
    most = _most(a.shape[1], b.shape[1], LAG_RATE / _HOP)
    lags = np.arange(-most, most + 1)
    correlation = irfft((rfft(b, size) * np.conj(rfft(a, size))).sum(axis=0), size)[lags % size]
    best = int(correlation.argmax())
    inner = correlation[1:-1]
    peaks = 1 + np.flatnonzero((inner >= correlation[:-2]) & (inner >= correlation[2:]))
    others = correlation[peaks[peaks != best]]
    highest = float(correlation[best])
    if highest < _LIKENESS * norm or norm == 0 or others.max(initial=0.0) > _SECOND_LIKENESS * highest:
        return None
    # Where one signal begins with the other's silence, that silence pulls: the part that both have decides.
    near = np.array([_likeness(a, b, int(lags[best]) + step) for step in (-2, -1, 0, 1, 2)])
    top = min(max(int(near.argmax()), 1), 3)
    left, middle, right = near[top - 1 : top + 2]
    bend = left - 2 * middle + right
    between = 0.5 * (left - right) / bend if bend < 0 else 0.0
    seconds = (int(lags[best]) + top - 2 + between) * _HOP / LAG_RATE
    return round(seconds * rate) if abs(1000 * seconds) >= LEVELS_TELL_MS else 0


def _levels(samples: FloatArray) -> NDArray[Any]:
    """Levels in dB, but for a factor, less their mean: `[bands, frames]`."""
    from scipy.fft import rfft

    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::_HOP]
    power = np.square(np.abs(rfft(frames * np.hanning(_FRAME).astype(np.float32), axis=1)))
    edges = [round(edge * _FRAME / LAG_RATE) for edge in _BANDS_HZ]
    energy = np.stack([power[:, low:high].sum(axis=1) for low, high in pairwise(edges)])
    levels = np.log(energy + _FLOOR * energy.max() + np.finfo(np.float32).tiny)
    return np.asarray(levels - levels.mean(axis=1, keepdims=True))


def _likeness(a: NDArray[Any], b: NDArray[Any], lag: int) -> float:
    """The correlation of levels where both are, if the second is `lag` frames late."""
    frames = min(a.shape[1] - max(-lag, 0), b.shape[1] - max(lag, 0))
    x, y = a[:, max(-lag, 0) :][:, :frames], b[:, max(lag, 0) :][:, :frames]
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    norm = float(np.sqrt(np.square(x).sum() * np.square(y).sum()))
    return float((x * y).sum()) / norm if norm else 0.0


def _most(one: int, other: int, rate: float = LAG_RATE) -> int:
    """The largest lag that is looked for: the signals still overlap by half the shorter one."""
    return min(int(MAX_LAG_SECONDS * rate), min(one, other) // 2)
