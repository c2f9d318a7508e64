"""Values of reference implementations on signals that come with them, and means that others state for real codecs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.metrics import metric
from tests.metrics.material import codec_recordings, golden_pairs

GOLDEN = {
    "pesq_wb": ("pesq_wb", 1e-4),
    "pesq_nb": ("pesq_nb", 1e-4),
    "pesq_raw": ("pesq_nb_raw", 1e-4),
    "stoi": ("stoi", 1e-6),
    "estoi": ("estoi", 1e-6),
    "secs": ("secs_resemblyzer_preprocessed", 1e-4),
    "secs[raw]": ("secs_resemblyzer_raw", 1e-4),
    "si_sdr": ("si_sdr_db_zero_mean", 1e-3),
    "mel_distance": ("taae_mel_distance", 1e-4),
    "stft_distance": ("taae_stft_distance", 1e-4),
    "mr_stft": ("mrstft_auraloss_default", 1e-4),
}
"""Key of the value, and how near it has to be."""

CODECS = {
    "LLM-Codec": {"pesq_wb": 1.806, "pesq_nb": 2.310, "stoi": 0.875, "estoi": 0.762, "secs": 0.916, "secs[raw]": 0.921},
    "EnCodec": {"pesq_wb": 1.567, "pesq_nb": 1.925, "stoi": 0.848, "estoi": 0.734, "secs": 0.897, "secs[raw]": 0.900},
}
"""Means over 30 utterances."""


@pytest.mark.long
@pytest.mark.parametrize("name", GOLDEN)
def test_golden_values(shared: Path, name: str) -> None:
    key, tolerance = GOLDEN[name]
    for expected, reference, decoded in golden_pairs(shared, key):
        assert float(metric(name)(reference, decoded, 16_000)) == pytest.approx(expected, abs=tolerance)


@pytest.mark.long
@pytest.mark.parametrize(("name", "system", "expected"), [
    pytest.param(name, system, value, marks=[pytest.mark.slow] * (system == "EnCodec" and "stoi" not in name))
    for system, values in CODECS.items()
    for name, value in values.items()
])  # fmt: skip
def test_means_over_real_codecs(shared: Path, name: str, system: str, expected: float) -> None:
    scores = [float(metric(name).score(*pair)) for pair in codec_recordings(shared, system)]
    assert np.mean(scores) == pytest.approx(expected, abs=0.005)
