"""Scale-invariant signal-to-distortion ratio."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import SILENCE_PEAK
from codec_bench.metrics import register_metric
from codec_bench.metrics.signal import Signal
from codec_bench.records import NotScorable

_EPS = 1e-8  # auraloss's; makes the score of a perfect copy finite


@register_metric(
    "si_sdr",
    unit="dB",
    better="higher",
    family="spectral",
    title="SI-SDR",
    digits=2,
    note="Scale-invariant SDR of zero-mean signals (auraloss's definition, eps 1e-8); no time alignment.",
)
def si_sdr(reference: Signal, decoded: Signal) -> float:
    """Scale-invariant signal-to-distortion ratio of zero-mean signals.

    Args:
        reference: Original at 16 kHz.
        decoded: Reconstruction, aligned to the sample.

    Returns:
        Ratio in dB. Identity gives about 100 dB (it grows with the energy), orthogonal signals down to -80 dB.

    Raises:
        NotScorable: One of the two is a constant.

    Source: Le Roux et al., "SDR - half-baked or well done?", 2019; minus `auraloss.time.SISDRLoss()`.
    """
    target = _centred("reference", reference)
    estimate = _centred("decoded", decoded)
    projection = target * (np.sum(estimate * target) / (np.sum(target**2) + _EPS))
    distortion = np.sum((estimate - projection) ** 2)
    return float(10 * np.log10(np.sum(projection**2) / (distortion + _EPS) + _EPS))


def _centred(name: str, signal: Signal) -> NDArray[np.float64]:
    samples = signal.samples.astype(np.float64)
    samples -= samples.mean()
    if np.abs(samples).max() < SILENCE_PEAK:
        raise NotScorable(f"the {name} signal is constant")
    return samples
