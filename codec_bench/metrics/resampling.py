"""Resamplers of those who made the learned metrics: a network hears the treble that its authors' resampler leaves.

Everything else is resampled with soxr HQ (`audio.resample`). A filter that is sharper or softer near half of 16 kHz
moves single opinions of DistillMOS by up to 1.0 MOS, so a network is given what its reference implementation gives it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from math import ceil, gcd

import numpy as np

from codec_bench.audio import RESAMPLER, Audio, FloatArray, fit, length_at, resample
from codec_bench.fingerprint import package_versions
from codec_bench.stats import Floats


@dataclass(frozen=True)
class Resampler:
    """One way to change the sampling rate.

    Attributes:
        name: For addresses, tables and messages.
        function: From a signal at another rate to the one at `rate`.
        packages: Distributions whose installed version decides the result.
    """

    name: str
    function: Callable[[Audio, int], Audio]
    packages: tuple[str, ...]

    def __call__(self, audio: Audio, rate: int) -> Audio:
        """The signal at `rate` Hz; the same object where it fits, and for 0, which stands for its own rate."""
        if not rate or audio.rate == rate or not len(audio):
            return audio
        return self.function(audio, rate)

    @property
    def identity(self) -> list[object]:
        """Its part of an address."""
        return [self.name, package_versions(self.packages)]


def _filtered(audio: Audio, rate: int, taps: Callable[[int, int], Floats | tuple[str, float]]) -> Audio:
    """The signal through one filter for all phases; `ceil(n * rate / audio.rate)` samples, as SciPy and torchaudio."""
    from scipy.signal import resample_poly

    common = gcd(audio.rate, rate)
    up, down = rate // common, audio.rate // common
    samples = resample_poly(audio.samples.astype(np.float64), up, down, window=taps(up, down))
    return Audio(np.asarray(samples, np.float32), rate)


@cache
def windowed_sinc(up: int, down: int, *, zeros: float, rolloff: float, beta: float | None) -> Floats:
    """The low-pass of torchaudio and resampy: a sinc that a window ends after some of its zeros.

    Args:
        up: Output samples for `down` input samples, without common divisors.
        down: See `up`.
        zeros: Zeros of the sinc on each side, where the window ends; resampy counts them before the roll-off.
        rolloff: Cut-off as a share of the lower of the two Nyquist frequencies.
        beta: Of a Kaiser window; None for a Hann window.

    Returns:
        float64, odd, symmetric, at `up` times the input rate.
    """
    cutoff = min(up, down) * rolloff
    reach = ceil(zeros * up * down / cutoff)
    at = np.arange(-reach, reach + 1) * cutoff / (up * down)
    inside = np.clip(at / zeros, -1, 1)
    window = np.cos(inside * np.pi / 2) ** 2 if beta is None else np.i0(beta * np.sqrt(1 - inside**2)) / np.i0(beta)
    return np.asarray(np.sinc(at) * window * cutoff / (up * down))


def _by_spectrum(audio: Audio, rate: int) -> Audio:
    from scipy.signal import resample as by_spectrum

    length = ceil(len(audio) * rate / audio.rate)
    return Audio(np.asarray(by_spectrum(audio.samples.astype(np.float64), length), np.float32), rate)


def _by_ffmpeg(audio: Audio, rate: int) -> Audio:
    """What FFmpeg's resampler makes of a file, in 16 bits."""
    import av

    frame = av.AudioFrame.from_ndarray(audio.samples[np.newaxis], format="flt", layout="mono")
    frame.sample_rate = audio.rate
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    samples: FloatArray = np.concatenate([part.to_ndarray()[0] for part in frames]).astype(np.float32) / np.float32(
        32768
    )
    return Audio(fit(samples, length_at(len(audio), audio.rate, rate)), rate)


def _by_librosa(audio: Audio, rate: int) -> Audio:
    import soxr

    samples = np.asarray(soxr.resample(audio.samples, audio.rate, rate, quality="HQ"), np.float32)
    return Audio(fit(samples, ceil(len(audio) * rate / audio.rate)), rate)


SOXR_HQ = Resampler(RESAMPLER, resample, ("soxr",))
"""That of everything here that has no other one; SoX has the same filter."""

LIBROSA = Resampler("librosa soxr_hq", _by_librosa, ("soxr",))
"""librosa's default since 0.10: the same, with lengths rounded up."""

SINC = Resampler(
    "torchaudio sinc", partial(_filtered, taps=partial(windowed_sinc, zeros=6, rolloff=0.99, beta=None)), ("scipy",)
)
"""`torchaudio.functional.resample` and `torchaudio.transforms.Resample` by their defaults."""

SINC_SHARP = Resampler(
    "torchaudio sinc, width 128",
    partial(_filtered, taps=partial(windowed_sinc, zeros=128, rolloff=0.99, beta=None)),
    ("scipy",),
)
"""`torchaudio.transforms.Resample(..., lowpass_filter_width=128)`."""

KAISER_BEST_2016 = Resampler(
    "resampy 0.2 kaiser_best",
    partial(
        _filtered,
        taps=partial(windowed_sinc, zeros=64 * 0.9475937167399596, rolloff=0.9475937167399596, beta=14.769656459379492),
    ),
    ("scipy",),
)
"""resampy's default before 0.4, which was that of librosa in 2019."""

KAISER_BEST = Resampler(
    "resampy kaiser_best",
    partial(
        _filtered, taps=partial(windowed_sinc, zeros=50 * 0.9173473712608761, rolloff=0.9173473712608761, beta=12.9846)
    ),
    ("scipy",),
)
"""resampy's default since 0.4."""

POLYPHASE = Resampler("scipy resample_poly", partial(_filtered, taps=lambda up, down: ("kaiser", 5.0)), ("scipy",))
"""`scipy.signal.resample_poly` by its defaults."""

FFT = Resampler("scipy FFT", _by_spectrum, ("scipy",))
"""`librosa.resample(..., res_type="fft")`: the spectrum of the whole signal is cut, or filled with zeros. It keeps the
edge of the band, which others roll off."""

FFMPEG = Resampler("FFmpeg", _by_ffmpeg, ("av",))
"""FFmpeg's, to 16 bits: what recognisers read files with. Signals at their rate are left as they are."""
