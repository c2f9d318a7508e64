"""Gammatone spectrograms, in decibels above a floor."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from codec_bench.stats import Floats

WINDOW_SECONDS, HOPS_PER_WINDOW = 0.08, 4
BANDS, LOWEST_HZ, HIGHEST_HZ = 21, 50.0, 8000.0
FLOOR_DB, DYNAMIC_RANGE_DB = -45.0, 45.0

_EAR_Q, _MIN_BANDWIDTH_HZ = 9.26449, 24.7  # Glasberg and Moore
_FRAMES_AT_ONCE = 4


def window_size(rate: int) -> int:
    """Samples of a frame."""
    return round(rate * WINDOW_SECONDS)


def hop_size(rate: int) -> int:
    """Samples from one frame to the next."""
    return window_size(rate) // HOPS_PER_WINDOW


def spectrogram(signal: Floats, rate: int) -> Floats:
    """Root mean square of gammatone bands, `[bands, frames]`; the filters restart with each frame."""
    from scipy import fft

    size = window_size(rate)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / (size - 1))
    frames = np.lib.stride_tricks.sliding_window_view(signal, size)[:: hop_size(rate)]
    responses = _responses(rate)
    blocks = []
    room = np.empty((_FRAMES_AT_ONCE, *responses.shape), np.complex128)
    for begin in range(0, len(frames), _FRAMES_AT_ONCE):
        spectra = fft.rfft(frames[begin : begin + _FRAMES_AT_ONCE] * hann, 2 * size)
        products = np.multiply(spectra[:, None], responses, out=room[: len(spectra)])
        filtered = fft.irfft(products, 2 * size, overwrite_x=True)[..., :size]
        blocks.append(np.sqrt(np.mean(np.square(filtered, out=filtered), axis=-1)))
    return np.concatenate(blocks).T


@cache
def _responses(rate: int) -> NDArray[np.complex128]:
    """Spectra of the filters' impulse responses over a frame, `[bands, bins]`, lowest band first.

    Source: Slaney, "An efficient implementation of the Patterson-Holdsworth auditory filter bank", Apple TR 35, 1993.
    """
    from scipy import fft, signal

    size, period = window_size(rate), 1 / rate
    offset = _EAR_Q * _MIN_BANDWIDTH_HZ
    steps = np.arange(BANDS, 0, -1) / BANDS
    highest = min(HIGHEST_HZ, rate / 2) + offset
    centres = highest * np.exp(steps * np.log((LOWEST_HZ + offset) / highest)) - offset
    decay = np.exp(-1.019 * 2 * np.pi * (centres / _EAR_Q + _MIN_BANDWIDTH_HZ) * period)
    angle = 2 * np.pi * centres * period
    zeros = [sign * math.sqrt(3 + twist * 2**1.5) for twist in (1, -1) for sign in (1, -1)]
    turn, pole = np.exp(2j * angle), decay * np.exp(1j * angle)
    gain = np.abs(
        np.prod([2 * period * (pole * (np.cos(angle) - z * np.sin(angle)) - turn) for z in zeros], axis=0)
        / (2 * (decay * (1 + turn) - decay**2 - turn)) ** 4
    )
    impulse = np.eye(1, size)[0]
    responses = []
    for band in range(BANDS):
        cos, sin, r = np.cos(angle[band]), np.sin(angle[band]), decay[band]
        sections = [[period, -period * r * (cos + z * sin), 0.0, 1.0, -2 * r * cos, r**2] for z in zeros]
        responses.append(signal.sosfilt(sections, impulse) / gain[band])
    return np.asarray(fft.rfft(responses, 2 * size))


def comparable(reference: Floats, decoded: Floats) -> tuple[Floats, Floats]:
    """Both in decibels above the floor that they have in common."""
    first, second = (
        np.maximum(10 * np.log10(np.where(s == 0, np.finfo(np.float64).eps, s)), FLOOR_DB) for s in (reference, decoded)
    )
    frames = min(first.shape[1], second.shape[1])
    floor = np.maximum(first[:, :frames].max(axis=0), second[:, :frames].max(axis=0)) - DYNAMIC_RANGE_DB
    for spectrogram in (first, second):
        spectrogram[:, :frames] = np.maximum(spectrogram[:, :frames], floor)
    lowest = min(first.min(), second.min())
    return first - lowest, second - lowest
