"""Mel-cepstral distortion between WORLD's spectral envelopes, aligned by frame, without loudness and silence.

Definition: R. Kubichek, "Mel-cepstral distance measure for objective speech quality assessment", PACRIM 1993. Spectral
envelope: WORLD's CheapTrick (Morise 2015). Mel-cepstrum: SPTK's frequency transform of the cepstrum (Oppenheim 1972),
as `pysptk.sp2mc`, which the tests compare with.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import Audio, FloatArray
from codec_bench.metrics import register_metric
from codec_bench.metrics.pitch import FRAME_SECONDS, dio_stonemask, world
from codec_bench.metrics.signal import Feature, Signal

ORDER = 24
ALPHA = 0.42
"""All-pass constant whose warping is nearest to the mel scale at 16 kHz."""

SILENCE_DB = 40.0
"""Frames of the reference this far below its loudest one are silent."""

FLOOR_DB = 60.0
"""An envelope is raised to this far below its own peak. Without a floor, a band that a codec does not send counts by
how empty it is, down to rounding noise: GSM at 13 kbit/s scores worse than Codec 2 at 700 bit/s."""

WINDOW_SECONDS = 0.025
"""Around the middle of a frame, for its power."""


@cache
def warping(bins: int, order: int, alpha: float) -> NDArray[np.float64]:
    """The linear map from a log power spectrum to the mel-cepstrum.

    Args:
        bins: Frequencies from 0 to half the sampling rate.
        order: Highest mel-cepstral coefficient.
        alpha: All-pass constant; 0 gives the plain cepstrum.

    Returns:
        float64 `[bins, order + 1]`: `log(power) @ warping(...)` is the mel-cepstrum, c0 first.
    """
    from scipy.signal import lfilter

    # z^-1 is an all-pass function of the warped delay: row m, the series of z^-m, is row m - 1 filtered once more.
    transform = np.zeros((bins, order + 1))
    transform[0, 0] = 1
    for m in range(1, bins):
        transform[m] = lfilter([alpha, 1.0], [1.0, alpha], transform[m - 1])
    cepstrum = np.fft.irfft(np.eye(bins), axis=1)[:, :bins]
    cepstrum[:, 0] /= 2
    return np.asarray(cepstrum @ transform, np.float64)


def mel_cepstrum(power: NDArray[np.float64], order: int = ORDER, alpha: float = ALPHA) -> NDArray[np.float64]:
    """Mel-cepstrum of power spectra.

    Args:
        power: `[frames, bins]`, positive; bins from 0 to half the sampling rate.
        order: Highest coefficient.
        alpha: All-pass constant.

    Returns:
        float64 `[frames, order + 1]`, c0 first.

    >>> abs(mel_cepstrum(np.full((1, 9), np.e**4), order=2)).round(9).tolist()
    [[2.0, 0.0, 0.0]]
    """
    return np.asarray(np.log(power) @ warping(power.shape[1], order, alpha), np.float64)


def raised(power: NDArray[np.float64], floor_db: float = FLOOR_DB) -> NDArray[np.float64]:
    """Power spectra `[frames, bins]` with nothing further than `floor_db` below the peak of its frame."""
    floor = power.max(axis=1, keepdims=True) * 10 ** (-floor_db / 10)
    return np.asarray(np.maximum(power, floor), np.float64)


def cepstra(signal: Signal, track: Feature, order: int, alpha: float, floor_db: float) -> NDArray[np.float32]:
    """Mel-cepstra of a whole signal, float32 `[frames, order + 1]`; those of a reference are kept."""

    def analyse(audio: Audio) -> FloatArray:
        f0 = signal[track]  # of the same recording, so that the pitch metrics and this one track once
        times = np.arange(len(f0)) * FRAME_SECONDS
        power = world().cheaptrick(audio.samples.astype(np.float64), f0, times, audio.rate)
        return mel_cepstrum(raised(power, floor_db), order, alpha).astype(np.float32)

    name = f"mel-cepstrum/{order}/{alpha}/{floor_db}/{track.fingerprint}"
    return signal[Feature(name, analyse, packages=("pyworld", "scipy"), frame_seconds=FRAME_SECONDS)]


def active_frames(samples: FloatArray, rate: int, frames: int, silence_db: float = SILENCE_DB) -> NDArray[np.bool_]:
    """Which frames of a signal are not silent.

    Args:
        samples: float32 `[n]`.
        rate: Sampling rate in Hz.
        frames: How many frames of 5 ms.
        silence_db: Frames this far below the loudest one are silent.

    Returns:
        bool `[frames]`: whether the power in 25 ms around the frame is above the threshold.
    """
    half = round(WINDOW_SECONDS * rate / 2)
    energy = np.cumsum(np.pad(np.square(samples, dtype=np.float64), (half + 1, half)))
    starts = np.minimum(np.round(np.arange(frames) * FRAME_SECONDS * rate).astype(int), len(samples))
    power = energy[starts + 2 * half] - energy[starts]
    return np.asarray(power > power.max() * 10 ** (-silence_db / 10), np.bool_)


@register_metric(
    "mcd",
    unit="dB",
    better="lower",
    range=(0, None),
    family="spectral",
    title="MCD",
    digits=2,
    packages=("pyworld", "scipy"),
    note="mel-cepstral distortion of WORLD envelopes, coefficients 1-24 (alpha 0.42, no c0), 5 ms frames by index (no "
    "DTW), envelopes floored 60 dB below their peak, without frames that are 40 dB below the reference's loudest",
)
def mel_cepstral_distortion(
    reference: Signal,
    decoded: Signal,
    *,
    track: Feature = dio_stonemask,
    order: int = ORDER,
    alpha: float = ALPHA,
    silence_db: float = SILENCE_DB,
    floor_db: float = FLOOR_DB,
) -> float:
    """Mel-cepstral distortion in dB: `10 / ln 10 * sqrt(2 * sum_m (c_m - c'_m)^2)`, m = 1 to `order`, mean over frames.

    It is the root mean square difference of the two log spectra over the mel-warped frequency axis, once their mean
    difference, the loudness, is taken out. Frames are paired by index, since codecs keep the time.

    Args:
        reference: Original at 16 kHz; its silent frames are left out.
        decoded: Reconstruction at 16 kHz.
        track: Pitch tracker with frames of 5 ms that the envelope is estimated with, on each signal.
        order: Highest mel-cepstral coefficient.
        alpha: All-pass constant.
        silence_db: Frames of the reference this far below its loudest one are left out.
        floor_db: Envelopes are raised to this far below the peak of their frame.

    Returns:
        0 dB or more; typically 4 to 12 dB for low-bitrate codecs.

    >>> from codec_bench.metrics import metric
    >>> voice = np.sign(np.sin(2 * np.pi * 120 * np.arange(16_000) / 16_000)) / 4
    >>> float(metric("mcd")(voice, voice / 2, 16_000)) < 0.01
    True
    """
    first, second = (cepstra(signal, track, order, alpha, floor_db) for signal in (reference, decoded))
    frames = min(len(first), len(second))
    active = active_frames(reference.samples, reference.rate, frames, silence_db)
    difference = (first[:frames].astype(np.float64) - second[:frames])[active, 1:]
    return float(10 / np.log(10) * np.sqrt(2 * np.square(difference).sum(axis=1)).mean())
