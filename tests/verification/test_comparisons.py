from __future__ import annotations

import numpy as np
import pytest
import torch

from codec_bench.verification.comparisons import (
    best_correlation,
    normalised_rmse,
    plain_words,
    rmse_as_correlation,
    share_equal,
)


def test_rmse_is_that_of_the_tests_of_transformers() -> None:
    """`compute_rmse` of tests/models/dac/test_modeling_dac.py, written with torch."""
    one, other = np.random.default_rng(0).normal(size=(2, 4000)).astype(np.float32)
    a, b = (torch.nn.functional.normalize(torch.from_numpy(x), dim=0) for x in (one, other[:3900]))
    a = torch.nn.functional.normalize(torch.from_numpy(one[:3900]), dim=0)
    found = normalised_rmse(one, other[:3900])
    assert found == pytest.approx(float(torch.nn.functional.mse_loss(a, b).sqrt()), rel=1e-5)
    expected = np.dot(one[:3900], other[:3900]) / np.linalg.norm(one[:3900]) / np.linalg.norm(other[:3900])
    assert rmse_as_correlation(found, 3900) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("lag", "gain"), [(0, 1.0), (37, 0.2), (-80, 3.0), (5, -1.0)])
def test_best_correlation_finds_lag_gain_and_sign(lag: int, gain: float) -> None:
    x = np.random.default_rng(1).normal(size=5000)
    late = np.roll(gain * x, lag)
    found, at = best_correlation(late, x, 100)
    assert (round(found, 1), at) == (np.sign(gain), lag)
    assert abs(best_correlation(late, x, 3)[0]) < 0.1 or abs(lag) <= 3


def test_nothing_is_like_nothing() -> None:
    assert best_correlation(np.zeros(10), np.ones(10), 3)[0] == 0
    assert normalised_rmse(np.zeros(10), np.ones(10)) == float("inf")
    assert share_equal([], [1, 2]) == 0
    assert plain_words("Don't — 'quote'!") == ["don't", "quote"]
