"""Estimates against scipy's bootstrap and hand-checkable cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from codec_bench.stats import cluster_names, estimate


def test_mean_and_interval_agree_with_scipy_where_every_utterance_is_its_own_cluster():
    values = np.random.default_rng(1).normal(2.0, 0.5, 200)
    names = [f"u{i}" for i in range(200)]
    ours = estimate(values.tolist(), [1.0] * 200, names, expected=200, resamples=20_000)
    theirs = bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2))
    assert ours.value == pytest.approx(values.mean(), abs=1e-12)
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.004)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.004)


def test_intervals_of_correlated_utterances_are_wider_when_speakers_are_drawn():
    generator = np.random.default_rng(3)
    speakers = np.repeat(np.arange(20), 25)
    values = generator.normal(0, 1, 20)[speakers] + generator.normal(0, 0.1, 500)
    by_speaker = estimate(values.tolist(), [1.0] * 500, [str(s) for s in speakers], expected=500)
    by_utterance = estimate(values.tolist(), [1.0] * 500, [str(i) for i in range(500)], expected=500)
    assert by_speaker.half_width > 3 * by_utterance.half_width
    assert by_speaker.clusters == 20


@pytest.mark.long
def test_coverage_of_the_interval_is_near_its_level():
    generator = np.random.default_rng(4)
    hits = 0
    for trial in range(300):
        speakers = np.repeat(np.arange(40), 5)
        values = generator.normal(0, 1, 40)[speakers] + generator.normal(0, 1, 200)
        found = estimate(
            values.tolist(), [1.0] * 200, [str(s) for s in speakers], expected=200, seed=trial, resamples=500
        )
        hits += found.low <= 0 <= found.high
    assert 0.90 <= hits / 300 <= 0.985


def test_order_does_not_matter_and_the_seed_does():
    generator = np.random.default_rng(5)
    values = generator.normal(size=300).tolist()
    names = [f"s{i % 40}" for i in range(300)]
    shuffled = generator.permutation(300)
    ones = [1.0] * 300
    found = estimate(values, ones, names, expected=300)
    assert found == estimate([values[i] for i in shuffled], ones, [names[i] for i in shuffled], expected=300)
    assert estimate(values, ones, names, expected=300, seed=1).low != found.low


@pytest.mark.parametrize(
    ("numerators", "denominators", "value"),
    [([], [], None), ([1, 0], [1, 9], 10.0), ([1, 3, 3, 5], [100] * 4, 3.0)],  # the mean of 1/1 and 0/9 would be 50
)
def test_ratios_are_pooled_and_few_clusters_give_no_interval(
    numerators: list[int], denominators: list[int], value: float | None
):
    names = [str(i) for i in range(len(numerators))]
    found = estimate(numerators, denominators, names, expected=5, scale=100)
    assert (found.value, found.low, found.high) == (value, None, None)
    assert (found.n, found.expected, found.clusters) == (len(names), 5, len(names))


def test_utterances_are_drawn_where_there_are_few_speakers():
    many = ["ann", "bob", "cid", "dan", "eve", None]
    names = [f"u{i}" for i in range(6)]
    assert cluster_names(names, many) == [f"speaker:{s}" for s in many[:5]] + ["utterance:u5"]
    assert cluster_names(names, ["ann", "bob"] * 3) == [f"utterance:{n}" for n in names]


def test_many_clusters_are_drawn_one_draw_at_a_time_with_the_same_result(monkeypatch: pytest.MonkeyPatch):
    values = np.random.default_rng(3).normal(2.0, 0.5, 60).tolist()
    names = [f"u{i}" for i in range(60)]
    whole = estimate(values, [1.0] * 60, names, expected=60)
    monkeypatch.setattr("codec_bench.stats.MANY_CLUSTERS", 59)
    single = estimate(values, [1.0] * 60, names, expected=60)
    assert (single.low, single.high) == pytest.approx((whole.low, whole.high), abs=1e-12)
