"""STOI and its extended form, vectorised; equal to the package `pystoi`, which its authors verified against Matlab.

Both share the resampled signals, the choice of frames and the third-octave bands: those of a recording are computed
once for all systems, those of a reconstruction once for both forms.
"""

from __future__ import annotations

from functools import cache, lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import Audio
from codec_bench.files import digest
from codec_bench.metrics import register_metric
from codec_bench.metrics.signal import Array, Feature, Signal, feature
from codec_bench.records import NotScorable, Status
from codec_bench.stats import Floats

MIN_SAMPLES = 6554
"""Samples at 16 kHz for 30 frames at 10 kHz, which the definition correlates over; 0.41 s."""

RATE = 10_000
FRAME, HOP, FFT = 256, 128, 512
BANDS, LOWEST_HZ = 15, 150.0
SEGMENT = 30
"""Frames that are correlated at once: 384 ms."""

DYNAMIC_RANGE_DB = 40.0
CLIP_DB = 15.0
EPS = np.finfo(np.float64).eps
CONSTANT = 1e-8
"""A row of a segment whose deviations are smaller than this could be turned by noise of rounding size."""

_PACKAGES = ("scipy",)


def resampled(audio: Audio) -> Floats:
    """A signal at 10 kHz, by the filter of Octave's `resample`, which the reference implementation uses."""
    return _resampled(audio.samples.tobytes(), audio.rate)


@lru_cache(maxsize=2)
def _resampled(samples: bytes, rate: int) -> Floats:
    """The same of float32 samples; a pair is kept, because the choice of frames and the bands both need it."""
    from scipy.signal import resample_poly

    common = np.gcd(RATE, rate)
    up, down = RATE // common, rate // common
    signal = np.frombuffer(samples, np.float32).astype(np.float64)
    made = signal if up == down else np.asarray(resample_poly(signal, up, down, window=_octave_filter(up, down)))
    made.flags.writeable = False
    return made


@cache
def _octave_filter(up: int, down: int) -> Floats:
    """Kaiser-windowed low-pass with a rejection of 60 dB."""
    rejection_db = 60.0
    cutoff = 1 / (2 * max(up, down))
    half = int(np.ceil((rejection_db - 8) / (28.714 * cutoff / 10)))
    ideal = 2 * up * cutoff * np.sinc(2 * cutoff * np.arange(-half, half + 1))
    taps = np.kaiser(2 * half + 1, 0.1102 * (rejection_db - 8.7)) * ideal
    return np.asarray(taps / taps.sum())


@cache
def _window() -> Floats:
    """Matlab's `hanning`: a Hann window without its two zeros."""
    return np.asarray(np.hanning(FRAME + 2)[1:-1])


@cache
def _third_octaves() -> Floats:
    """Which frequencies each band takes, `[15, 257]`."""
    frequencies = np.linspace(0, RATE, FFT + 1)[: FFT // 2 + 1]
    index = np.arange(BANDS)
    edges = [LOWEST_HZ * 2 ** ((2 * index + sign) / 6) for sign in (-1, 1)]
    low, high = (np.abs(frequencies[:, None] - edge).argmin(axis=0)[:, None] for edge in edges)
    bins = np.arange(len(frequencies))
    return np.asarray((low <= bins) & (bins < high), np.float64)


def _frames(samples: Floats) -> Floats:
    """Windowed frames `[frames, 256]`; the definition leaves the last one out where it just fits."""
    if len(samples) <= FRAME:
        return np.zeros((0, FRAME))
    count = -(-(len(samples) - FRAME) // HOP)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP][:count] * _window())


@feature("stoi-kept-frames", packages=_PACKAGES, frame_seconds=HOP / RATE)
def kept_frames(audio: Audio) -> NDArray[np.bool_]:
    """Which frames of a recording are within 40 dB of its loudest one, bool `[frames]`."""
    frames = _frames(resampled(audio))
    energy = 20 * np.log10(np.linalg.norm(frames, axis=1) + EPS)
    return np.asarray(energy > energy.max(initial=-np.inf) - DYNAMIC_RANGE_DB)


def band_envelopes(audio: Audio, kept: NDArray[np.bool_]) -> Floats:
    """Third-octave magnitudes of a signal without its silent frames.

    Args:
        audio: At any rate.
        kept: Frames to keep, of the recording that it is compared with.

    Returns:
        `[15, frames]`: the frames that are kept are laid side by side again, and cut into frames once more.
    """
    frames = _frames(resampled(audio))[: len(kept)][kept]
    joined = np.zeros((len(frames) + 1) * HOP)
    halves = frames.reshape(len(frames), 2, HOP)
    joined[:-HOP] += halves[:, 0].ravel()
    joined[HOP:] += halves[:, 1].ravel()
    spectrum = np.fft.rfft(_frames(joined), FFT)
    power = spectrum.real**2 + spectrum.imag**2
    return np.asarray(np.sqrt(_third_octaves() @ power.T))


@feature("stoi-bands", packages=_PACKAGES, axes=2)
def reference_bands(audio: Audio) -> Floats:
    """`band_envelopes` of a recording, whose own frames decide."""
    return band_envelopes(audio, kept_frames.function(audio))


def _of(signal: Signal, wanted: Feature) -> Array:
    """A feature of the part of a signal that is compared: what is shared is of the whole, so it serves where all is."""
    whole = signal.recording.at(signal.rate)
    return signal[wanted] if len(whole) == signal.length else wanted.function(Audio(signal.samples, signal.rate))


def _bands(reference: Signal, decoded: Signal) -> tuple[Floats, Floats]:
    """Envelopes of both signals, `[15, frames]`."""
    if reference.length < MIN_SAMPLES:
        raise NotScorable(f"STOI needs {MIN_SAMPLES / reference.rate:.2f} s", Status.TOO_SHORT)
    kept = np.asarray(_of(reference, kept_frames))
    name = f"stoi-bands/{digest(np.packbits(kept).tobytes())}"
    decoded_bands = Feature(name, lambda audio: band_envelopes(audio, kept), packages=_PACKAGES)
    x = _of(reference, reference_bands)
    y = x if decoded.recording is reference.recording else _of(decoded, decoded_bands)
    if x.shape[1] < SEGMENT:
        raise NotScorable("fewer than the 30 frames that STOI needs are not silent", Status.TOO_SHORT)
    return x, y


def _segments(bands: Floats) -> Floats:
    """Overlapping segments `[segments, 15, 30]`."""
    return np.lib.stride_tricks.sliding_window_view(bands, SEGMENT, axis=1).transpose(1, 0, 2)


def _norm(x: Floats, axis: int) -> Floats:
    return np.asarray(np.sqrt(np.square(x).sum(axis=axis, keepdims=True)))


_intelligibility = partial(register_metric, better="higher", range=(-1.0, 1.0), version=2, packages=_PACKAGES)


@_intelligibility(
    "stoi",
    title="STOI",
    note="Short-time objective intelligibility (Taal et al. 2011), not extended; computed at 10 kHz.",
)
def stoi(reference: Signal, decoded: Signal) -> float:
    """Short-time objective intelligibility.

    Args:
        reference: Original at 16 kHz with at least 30 frames (0.41 s) that are not silent, i.e. within 40 dB of its
            loudest frame.
        decoded: Reconstruction.

    Returns:
        Mean correlation of third-octave envelopes; 1 for identity, about 0 for unrelated signals.

    Raises:
        NotScorable: Too short, too little that is not silent, or silent.

    Source: Taal, Hendriks, Heusdens, Jensen, IEEE TASLP 19(7), 2011; equal to the package `pystoi` 0.4.1.
    """
    x, y = (_segments(bands) for bands in _bands(reference, decoded))
    y = np.minimum(y * (_norm(x, 2) / (_norm(y, 2) + EPS)), x * (1 + 10 ** (CLIP_DB / 20)))
    x, y = (part - part.mean(axis=2, keepdims=True) for part in (x, y))
    products = (x * y).sum(axis=2, keepdims=True) / ((_norm(x, 2) + EPS) * (_norm(y, 2) + EPS))
    return min(float(products.mean()), 1.0)


@_intelligibility(
    "estoi",
    title="ESTOI",
    note="Extended short-time objective intelligibility (Jensen & Taal 2016); computed at 10 kHz.",
)
def estoi(reference: Signal, decoded: Signal) -> float:
    """Extended short-time objective intelligibility; arguments and errors as for `stoi`.

    Returns:
        Mean correlation of row- and column-normalised spectrograms; 1 for identity, about 0 for unrelated signals.

    Source: Jensen, Taal, IEEE/ACM TASLP 24(11), 2016; equal to the package `pystoi` 0.4.1.
    """
    segments = [_segments(bands) for bands in _bands(reference, decoded)]
    normalised = [_normalised(part) for part in segments]
    if any(part is None for part in normalised):
        # The definition adds noise of rounding size, which decides the value of segments that are digitally silent, and
        # nothing else. A fixed state makes scores repeatable; `numpy.random.seed(0)` gives the package the same.
        noise = np.random.RandomState(0)
        normalised = [_normalised(part, noise) for part in segments]
    x, y = (part for part in normalised if part is not None)
    return min(float((x * y).sum() / SEGMENT / len(x)), 1.0)


def _normalised(segments: Floats, noise: np.random.RandomState | None = None) -> Floats | None:
    """Segments `[segments, 15, 30]` with rows, then columns, of zero mean and unit length.

    None if a row or a column is constant, and there is no noise to give it a direction.
    """
    for axis in (2, 1):
        if noise is not None:
            segments = segments + EPS * noise.standard_normal(segments.shape)
        centred = segments - segments.mean(axis=axis, keepdims=True)
        length = _norm(centred, axis)
        if noise is None and length.min() < CONSTANT:
            return None
        segments = centred / length
    return segments
