"""Scale-invariant signal-to-distortion ratio."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import SILENCE_PEAK
from codec_bench.metrics import register_metric
from codec_bench.metrics.signal import Signal
from codec_bench.records import NotScorable

_EPS = float(np.finfo(np.float32).eps)  # that of torchmetrics on 32-bit audio; makes the score of a perfect copy finite


@register_metric(
    "si_sdr",
    unit="dB",
    better="higher",
    family="spectral",
    title="SI-SDR",
    digits=2,
    note="Scale-invariant SDR of zero-mean signals (torchmetrics with zero_mean=True); no time alignment.",
)
def si_sdr(reference: Signal, decoded: Signal) -> float:
    """Scale-invariant signal-to-distortion ratio of zero-mean signals.

    Args:
        reference: Original at 16 kHz.
        decoded: Reconstruction, aligned to the sample.

    Returns:
        Ratio in dB. Identity gives about 100 dB (it grows with the energy), orthogonal signals down to about -100 dB.

    Raises:
        NotScorable: One of the two is a constant.

    Source: Le Roux et al., "SDR - half-baked or well done?", 2019; as `torchmetrics` computes it with
        `zero_mean=True`, but summed in 64 bits. `auraloss.time.SISDRLoss`, which Stable-Codec uses, has another guard
        against division by zero: it differs for near copies and near noise only.
    """
    target = _centred("reference", reference)
    estimate = _centred("decoded", decoded)
    scale = (np.sum(estimate * target) + _EPS) / (np.sum(target**2) + _EPS)
    projection = scale * target
    distortion = np.sum((estimate - projection) ** 2)
    return float(10 * np.log10((np.sum(projection**2) + _EPS) / (distortion + _EPS)))


def _centred(name: str, signal: Signal) -> NDArray[np.float64]:
    samples = signal.samples.astype(np.float64)
    samples -= samples.mean()
    if np.abs(samples).max() < SILENCE_PEAK:
        raise NotScorable(f"the {name} signal is constant")
    return samples
