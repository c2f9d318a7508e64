"""Means, intervals and tests against scipy.stats and figures that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from codec_bench.listening_tests.statistics import discrimination, opinion


def test_the_interval_is_students_t_over_listeners_means():
    generator = np.random.default_rng(3)
    scores = generator.uniform(0, 100, (9, 6))
    listeners = [f"l{i}" for i in range(9) for _ in range(6)]
    items = [f"u{j}" for _ in range(9) for j in range(6)]
    found = opinion(list(scores.ravel()), listeners, items)
    interval = stats.ttest_1samp(scores.mean(axis=1), 0).confidence_interval(0.95)
    assert found.mean == pytest.approx(scores.mean())
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert (found.listeners, found.items, found.ratings) == (9, 6, 54)
    assert (found.quartiles[0], found.median) == pytest.approx((np.percentile(scores, 25), np.median(scores)))


def test_each_listener_counts_once_however_many_items_they_rated():
    found = opinion([0, 0, 0, 90], ["ann", "ann", "ann", "bob"], ["1", "2", "3", "1"])
    assert found.mean == 45


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """Listeners differ and items do too; an interval over ratings taken as independent would miss far more often."""
    generator = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        scores = 50 + 10 * generator.standard_normal((8, 1)) + 5 * generator.standard_normal((8, 6))
        found = opinion(list(scores.ravel()), [str(i) for i in range(8) for _ in range(6)], ["u"] * 48)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 50 <= found.high
    assert 0.92 < hits / 400 < 0.98


def test_one_listener_has_no_interval():
    found = opinion([10, 20], ["ann", "ann"], ["1", "2"])
    assert (found.mean, found.low, found.high) == (15, None, None)


def test_abx_answers_by_hand():
    """12 of 16: P(X >= 12) = (1820 + 560 + 120 + 16 + 1) / 65536; Wilson's interval from its formula."""
    answers = ["correct"] * 12 + ["incorrect"] * 4 + ["undecided"] * 3
    found = discrimination(answers, ["a", "b"] * 9 + ["a"], ["u"] * 19)
    assert found.p_value == pytest.approx(2517 / 65536)
    z, n, p = stats.norm.ppf(0.975), 16, 0.75
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half))
    assert (found.share, found.answers, found.undecided, found.listeners) == (0.75, 16, 3, 2)


def test_answers_that_are_all_undecided_have_no_share():
    found = discrimination(["undecided"], ["a"], ["u"])
    assert (found.share, found.p_value, found.answers, found.undecided) == (None, None, 0, 1)
