"""WARP-Q: how well each stretch of the decoded speech can be found anywhere in the recording.

Patches of the decoded cepstra are aligned with the recording by subsequence dynamic time warping, and the median of the
costs counts, so that a codec may move and stretch sounds. Everything is as in the authors' package `warpq` 1.5.2, which
cannot be imported beside NumPy 2.

Source: Jassim et al., "WARP-Q: Quality prediction for generative neural speech codecs", ICASSP 2021; "Speech quality
assessment with WARP-Q: From similarity to subsequence dynamic time warp cost", IET Signal Processing, 2022.
"""

from __future__ import annotations

import warnings

import numpy as np

from codec_bench.audio import FloatArray
from codec_bench.metrics import register_metric
from codec_bench.metrics.signal import Signal
from codec_bench.metrics.spectral import slaney_filterbank
from codec_bench.records import NotScorable, Status
from codec_bench.stats import Floats

RATE = 16_000
FFT, WINDOW, HOP = 1024, 512, 64
MELS, TOP_HZ, CEPSTRA, LIFTER = 128, 5000, 13, 3
RANGE_DB = 80.0
NORMALISED = 201
"""Frames over which cepstra are brought to mean 0 and deviation 1."""

PATCH, PATCH_HOP = 92, 42
"""Frames of a patch of the decoded signal, and from one to the next."""

SHORTEST_SECONDS = 0.4
_VAD_SAMPLES = 480  # 30 ms
_TINY = 2.0**-30


def voiced(samples: FloatArray) -> FloatArray:
    """What WebRTC's detector takes for speech in its mildest mode, with a frame of 30 ms on each side.

    Args:
        samples: `[n]` at 16 kHz; what lies beyond full scale is clipped.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        import webrtcvad
    pcm = (np.clip(samples, -1, 32767 / 32768) * 32768).astype(np.int16)
    frames = np.pad(pcm, (0, _VAD_SAMPLES - len(pcm) % _VAD_SAMPLES)).reshape(-1, _VAD_SAMPLES)
    detector = webrtcvad.Vad(0)
    is_speech = np.array([detector.is_speech(frame.tobytes(), RATE) for frame in frames])
    around = np.convolve(is_speech, np.ones(3), mode="same") > 0.5
    return samples[np.repeat(around, _VAD_SAMPLES)[: len(samples)]]


def cepstra(samples: FloatArray) -> Floats:
    """Mel-frequency cepstra as librosa makes them, normalised over their surroundings of 0.8 s.

    Args:
        samples: `[n]` at 16 kHz.

    Returns:
        `[1 + n // 64, 13]`.
    """
    from scipy.fft import dct, rfft

    padded = np.pad(samples, FFT // 2)[(FFT - WINDOW) // 2 :]
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][: 1 + len(samples) // HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    power = np.square(np.abs(rfft(frames * hann, FFT))) @ slaney_filterbank(RATE, FFT, MELS, TOP_HZ).T
    decibels = 10 * np.log10(np.maximum(power, 1e-10))
    found = dct(np.maximum(decibels, decibels.max() - RANGE_DB), norm="ortho")[:, :CEPSTRA]
    found = found * (1 + LIFTER / 2 * np.sin(np.pi * np.arange(1, CEPSTRA + 1) / LIFTER))
    found = found - _surroundings(found).mean(axis=2)
    return np.asarray(found / (_surroundings(found).std(axis=2) + _TINY))


def _surroundings(values: Floats) -> Floats:
    """The frames around each frame, `[n, dimensions, 201]`, mirrored at the ends."""
    padded = np.pad(values, ((NORMALISED // 2, NORMALISED // 2), (0, 0)), "symmetric")
    return np.lib.stride_tricks.sliding_window_view(padded, NORMALISED, axis=0)


def costs(patches: Floats, reference: Floats) -> Floats:
    """Costs of the best ways through the recording for each patch, per frame.

    A step goes one frame on in the patch, three in the recording, or both.

    Args:
        patches: `[patches, frames, dimensions]`.
        reference: `[n, dimensions]`.

    Returns:
        `[patches]`.
    """
    from scipy.spatial.distance import cdist

    length = -(-len(reference) // 3) * 3
    shape = (len(patches), length // 3, 3)  # frames of the recording that a step of three connects are in one column
    total = np.full((len(patches), length), np.inf)
    for row in range(patches.shape[1]):
        cost = np.full((len(patches), length), np.inf)
        cost[:, : len(reference)] = cdist(patches[:, row], reference)
        if row == 0:
            total = cost
            continue
        before = np.minimum(total, np.pad(total, ((0, 0), (3, 0)), constant_values=np.inf)[:, :-3]).reshape(shape)
        # Going on within the row costs what stands there, so that with the sum of these, which grows from column to
        # column, taken off, the best way to a place is the best one to any place before it.
        spent = np.cumsum(np.where(np.isfinite(cost), cost, 0).reshape(shape), axis=1)
        entered = before - np.pad(spent, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        total = (np.minimum.accumulate(entered, axis=1) + spent).reshape(len(patches), length)
        total[:, len(reference) :] = np.inf
    return np.asarray(total.min(axis=1) / patches.shape[1])


@register_metric(
    "warpq",
    better="lower",
    range=(0.0, None),
    rate=RATE,
    title="WARP-Q",
    tolerates_lag=True,
    packages=("webrtcvad",),
    note="WARP-Q 1.5.2, raw: median cost of aligning patches of 0.4 s of the decoded cepstra (13, up to 5 kHz) with "
    "the recording, after a voice activity detector; a perfect copy costs 0.6, not 0.",
)
def warp_q(reference: Signal, decoded: Signal) -> float:
    """Raw WARP-Q score.

    Args:
        reference: Original at 16 kHz.
        decoded: Reconstruction; it may be late, and its level does not matter.

    Returns:
        About 0.6 for identity (no step goes along the diagonal) to 4; not rounded to three decimals as in the package.

    Raises:
        NotScorable: Less than 0.4 s of speech is in one of the two.
    """
    signals = [voiced(signal.recording.at(RATE).samples) for signal in (reference, decoded)]
    if min(map(len, signals)) < SHORTEST_SECONDS * RATE:
        raise NotScorable(f"less than {SHORTEST_SECONDS:g} s of speech", Status.NO_SPEECH)
    original, made = (cepstra(samples) for samples in signals)
    windows = np.lib.stride_tricks.sliding_window_view(made, PATCH, axis=0)[::PATCH_HOP]
    return float(np.median(costs(windows.transpose(0, 2, 1), original)))
