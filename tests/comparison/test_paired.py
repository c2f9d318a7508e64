"""The statistics agree with scipy, statsmodels and with what can be counted by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from codec_bench.comparison.paired import MAX_EXACT_CLUSTERS, compare_paired, holm


def names(count: int) -> list[str]:
    return [f"u{i:03d}" for i in range(count)]


def noisy(count: int, shift: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    first = generator.normal(2, 0.4, count)
    return first, first + shift + generator.standard_t(5, count) * 0.1


def scipys_interval(*samples: np.ndarray, statistic: Callable[..., np.ndarray]) -> Any:
    return stats.bootstrap(
        samples, statistic, paired=True, vectorized=True, method="percentile", n_resamples=20_000,
        rng=np.random.default_rng(3),
    ).confidence_interval  # fmt: skip


def test_the_interval_is_that_of_scipys_paired_bootstrap():
    first, second = noisy(80, -0.03)
    ours = compare_paired((first, np.ones(80)), (second, np.ones(80)), names(80), resamples=20_000)
    theirs = scipys_interval(first, second, statistic=lambda a, b, axis: np.mean(b, axis=axis) - np.mean(a, axis=axis))
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)
    assert ours.difference == pytest.approx(second.mean() - first.mean(), abs=1e-12)


def test_pooled_ratios_have_the_interval_of_scipys_bootstrap_of_the_ratio():
    generator = np.random.default_rng(5)
    words = generator.integers(4, 30, 60).astype(float)
    left, right = (generator.binomial(words.astype(int), rate).astype(float) for rate in (0.10, 0.14))
    ours = compare_paired((left, words), (right, words), names(60), scale=100, resamples=20_000)

    def difference(a: np.ndarray, b: np.ndarray, w: np.ndarray, axis: int) -> np.ndarray:
        return 100 * (b.sum(axis=axis) - a.sum(axis=axis)) / w.sum(axis=axis)

    theirs = scipys_interval(left, right, words, statistic=difference)
    assert ours.difference == pytest.approx(100 * (right.sum() - left.sum()) / words.sum())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.15)


@pytest.mark.parametrize("alternative", ["greater", "less"])
@pytest.mark.parametrize("count", [8, 12, 60])
def test_the_p_value_is_that_of_scipys_permutation_test(count: int, alternative: str):
    first, second = noisy(count, 0.02)
    ours = compare_paired((first, np.ones(count)), (second, np.ones(count)), names(count))
    theirs = stats.permutation_test(
        (second, first),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        alternative=alternative,
        vectorized=True,
        n_resamples=2**MAX_EXACT_CLUSTERS if count <= MAX_EXACT_CLUSTERS else 20_000,
        rng=np.random.default_rng(0),
    ).pvalue
    p = ours.p_higher if alternative == "greater" else ours.p_lower
    # Exact where scipy is exact, otherwise both are draws.
    assert p == pytest.approx(theirs, abs=1e-12 if count <= MAX_EXACT_CLUSTERS else 0.015)


def test_whole_clusters_of_pooled_ratios_are_swapped():
    """Against a count over all swaps, written out."""
    errors = ([1, 0, 2, 5, 1, 0], [2, 1, 2, 7, 0, 1])
    counts = ([10, 5, 8, 20, 9, 4], [11, 5, 7, 22, 9, 4])
    clusters = ["a", "a", "b", "b", "c", "c"]
    ours = compare_paired((errors[0], counts[0]), (errors[1], counts[1]), clusters)
    observed = sum(errors[1]) / sum(counts[1]) - sum(errors[0]) / sum(counts[0])
    reached = 0
    for swapped in itertools.product([False, True], repeat=3):
        side = {name: int(swap) for name, swap in zip("abc", swapped, strict=True)}
        tops, bottoms = [0, 0], [0, 0]
        for i, cluster in enumerate(clusters):
            for origin in (0, 1):
                tops[origin ^ side[cluster]] += errors[origin][i]
                bottoms[origin ^ side[cluster]] += counts[origin][i]
        reached += tops[1] / bottoms[1] - tops[0] / bottoms[0] >= observed - 1e-12
    assert ours.p_higher == reached / 8
    assert (ours.n, ours.clusters, ours.smallest_p) == (6, 3, 1 / 8)


def test_the_interval_over_speakers_is_that_of_speaker_means():
    """With equally many utterances each, drawing speakers is drawing their means."""
    generator = np.random.default_rng(2)
    first = generator.normal(2, 0.3, (30, 5))
    second = first + generator.normal(0, 0.1, (30, 1)) + generator.normal(0, 0.02, (30, 5))
    speakers = [f"s{i:02d}" for i in range(30) for _ in range(5)]
    ones = np.ones(150)
    by_utterance = compare_paired((first.ravel(), ones), (second.ravel(), ones), speakers)
    by_mean = compare_paired((first.mean(1), ones[:30]), (second.mean(1), ones[:30]), names(30))
    assert (by_utterance.low, by_utterance.high) == pytest.approx((by_mean.low, by_mean.high))
    alone = compare_paired((first.ravel(), ones), (second.ravel(), ones), names(150))
    assert by_utterance.high - by_utterance.low > 1.7 * (alone.high - alone.low)


def test_results_depend_on_the_seed_and_not_on_the_order_and_equal_sides_differ_by_nothing():
    first, second = noisy(50, 0.01)
    order = np.random.default_rng(9).permutation(50)
    ones, ids = np.ones(50), names(50)
    same = compare_paired((first, ones), (first, ones), ids)
    assert (same.difference, same.low, same.high, same.p_higher, same.p_lower) == (0, 0, 0, 1, 1)
    plain = compare_paired((first, ones), (second, ones), ids)
    shuffled = compare_paired((first[order], ones), (second[order], ones), [ids[i] for i in order])
    assert plain == shuffled
    assert plain != compare_paired((first, ones), (second, ones), ids, seed=1)


def test_relative_differences_have_no_interval_where_the_baseline_can_be_nothing():
    few = compare_paired(([0, 0, 0, 1], [9] * 4), ([1, 0, 2, 1], [9] * 4), names(4))
    assert few.relative == pytest.approx(3.0)
    assert few.relative_low is None
    none = compare_paired(([0, 0], [9, 9]), ([1, 0], [9, 9]), names(2))
    assert none.relative is None
    assert compare_paired(([2, 2], [1, 1]), ([1, 1], [1, 1]), names(2)).relative_high == -0.5


@pytest.mark.long
def test_holm_is_that_of_statsmodels():
    generator = np.random.default_rng(0)
    for count in (1, 2, 7, 40):
        p_values = generator.beta(0.3, 1, count).tolist()
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert holm([]) == []


def test_large_sets_are_computed_in_pieces(monkeypatch: pytest.MonkeyPatch):
    first, second = noisy(300, 0.01)
    whole = compare_paired((first, np.ones(300)), (second, np.ones(300)), names(300))
    monkeypatch.setattr("codec_bench.comparison.paired._CELLS", 1000)
    pieces = compare_paired((first, np.ones(300)), (second, np.ones(300)), names(300))
    assert (pieces.low, pieces.high, pieces.p_higher) == pytest.approx((whole.low, whole.high, whole.p_higher))


def test_nothing_to_compare_is_an_error():
    with pytest.raises(ValueError, match="0 scores"):
        compare_paired(([], []), ([], []), [])
    with pytest.raises(ValueError, match="2 scores for 1"):
        compare_paired(([1, 2], [1, 1]), ([1, 2], [1, 1]), ["a"])
