"""STOI and its extended form, with the package `pystoi` (verified by its authors against the original Matlab code)."""

from __future__ import annotations

import warnings

import numpy as np

from codec_bench.metrics import register_metric
from codec_bench.metrics.signal import Signal
from codec_bench.records import NotScorable, Status

MIN_SAMPLES = 6554
"""Samples at 16 kHz for 30 frames at 10 kHz, which the definition correlates over; 0.41 s."""


@register_metric(
    "stoi",
    better="higher",
    range=(-1.0, 1.0),
    title="STOI",
    packages=("pystoi",),
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

    Source: Taal, Hendriks, Heusdens, Jensen, IEEE TASLP 19(7), 2011; package `pystoi`.
    """
    return _stoi(reference, decoded, extended=False)


@register_metric(
    "estoi",
    better="higher",
    range=(-1.0, 1.0),
    title="ESTOI",
    packages=("pystoi",),
    note="Extended short-time objective intelligibility (Jensen & Taal 2016); computed at 10 kHz.",
)
def estoi(reference: Signal, decoded: Signal) -> float:
    """Extended short-time objective intelligibility.

    Args:
        reference: Original at 16 kHz with at least 30 frames (0.41 s) that are not silent.
        decoded: Reconstruction.

    Returns:
        Mean correlation of row- and column-normalised spectrograms; 1 for identity, about 0 for unrelated signals.

    Raises:
        NotScorable: As for `stoi`.

    Source: Jensen, Taal, IEEE/ACM TASLP 24(11), 2016; package `pystoi`.
    """
    return _stoi(reference, decoded, extended=True)


def _stoi(reference: Signal, decoded: Signal, extended: bool) -> float:
    if reference.length < MIN_SAMPLES:
        raise NotScorable(f"STOI needs {MIN_SAMPLES / reference.rate:.2f} s", Status.TOO_SHORT)
    from pystoi import stoi as measure

    arrays = (np.asarray(signal.samples, np.float64) for signal in (reference, decoded))
    # The extended form adds noise from numpy's global generator, which decides its value where a signal is
    # digitally silent: a fixed state makes scores repeatable, and the caller's state is put back.
    state = np.random.get_state()
    np.random.seed(0)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Not enough STFT frames", category=RuntimeWarning)
            value = float(measure(*arrays, reference.rate, extended=extended))
    except RuntimeWarning:
        raise NotScorable("fewer than the 30 frames that STOI needs are not silent", Status.TOO_SHORT) from None
    finally:
        np.random.set_state(state)
    return min(value, 1.0)
