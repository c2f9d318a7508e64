"""The two scores, which differ in what makes an opinion score of the patches."""

from __future__ import annotations

import math

import numpy as np

from codec_bench.metrics import register_metric
from codec_bench.metrics.model import Model, run_model
from codec_bench.metrics.signal import Signal
from codec_bench.metrics.visqol.lattice import LATTICE_MODEL
from codec_bench.metrics.visqol.patches import patches
from codec_bench.metrics.visqol.similarity import Patch
from codec_bench.stats import Floats


@register_metric(
    "visqol",
    unit="MOS-LQO",
    better="higher",
    range=(1.0, 5.0),
    title="ViSQOL",
    packages=("scipy",),
    tolerates_lag=True,
    note="ViSQOL v3 in speech mode at 16 kHz with the exponential mapping scaled to 5 (own port of Google's 3.3.3).",
)
def visqol(reference: Signal, decoded: Signal) -> float:
    """Predicted opinion score of ViSQOL v3 in speech mode, exponential mapping.

    Args:
        reference: Original at 16 kHz.
        decoded: Reconstruction at 16 kHz; its level and its delay are matched to the reference first.

    Returns:
        MOS-LQO from 1 to 5; 5 for identity.

    Raises:
        NotScorable: Shorter than 0.64 s, one patch of spectrogram and the half before it; or no patch of the reference
            is active.
    """
    return mean_opinion_score(np.mean([patch.means for patch in _patches_of(reference, decoded)], axis=0))


@register_metric(
    "visqol_lattice",
    unit="MOS-LQO",
    better="higher",
    range=(None, None),
    title="ViSQOL (lattice)",
    packages=("scipy",),
    tolerates_lag=True,
    note="ViSQOL v3 in speech mode at 16 kHz with the lattice network, the default of Google's program since 3.3; "
    "1.6 below the exponential mapping on speech codecs, 4.51 for a perfect copy.",
)
def visqol_lattice(reference: Signal, decoded: Signal, *, mapping: Model = LATTICE_MODEL) -> float:
    """Predicted opinion score of ViSQOL v3 in speech mode, lattice network; otherwise as `visqol`.

    Returns:
        MOS-LQO, about 1 to 4.51, which is that of identity.

    Raises:
        NotScorable: As for `visqol`.
        UnavailableError: The network, or what runs it, is missing: the extra `visqol` has both.
    """
    (score,) = run_model(mapping, [_patches_of(reference, decoded)], "cpu")
    return float(np.asarray(score))


def mean_opinion_score(similarities: Floats) -> float:
    """MOS-LQO of a mean similarity per band, `[bands]`: the exponential fit to TCD-VoIP, scaled, within [1, 5]."""
    fit = -262.847869 + math.exp(0.0154302525 * (float(similarities.mean()) + 361.063949))
    return min(max(float(np.float32(1.245063)) * fit, 1.0), 5.0)


def _patches_of(reference: Signal, decoded: Signal) -> list[Patch]:
    return patches(reference.samples.astype(np.float64), decoded.samples.astype(np.float64), reference.rate)
