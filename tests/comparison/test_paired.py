"""The statistics of paired differences agree with scipy and with what can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from codec_bench.comparison.paired import compare_paired
from codec_bench.stats import t_quantile


def names(count: int) -> list[str]:
    return [f"u{i:03d}" for i in range(count)]


def noisy(count: int, shift: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    first = generator.normal(2, 0.4, count)
    return first, first + shift + generator.standard_t(5, count) * 0.1


@pytest.mark.parametrize("count", [2, 8, 60])
def test_interval_and_p_are_those_of_scipys_paired_t_test(count: int):
    first, second = noisy(count, 0.02)
    ours = compare_paired((first, np.ones(count)), (second, np.ones(count)), names(count))
    theirs = stats.ttest_rel(second, first).confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    for p, alternative in ((ours.p_higher, "greater"), (ours.p_lower, "less")):
        assert p == pytest.approx(stats.ttest_rel(second, first, alternative=alternative).pvalue)
    assert (ours.n, ours.clusters, ours.effective) == (count, count, count)


def test_the_error_of_pooled_ratios_is_that_of_scipys_bootstrap():
    generator = np.random.default_rng(5)
    words = generator.integers(4, 30, 200).astype(float)
    left, right = (generator.binomial(words.astype(int), rate).astype(float) for rate in (0.10, 0.14))
    ours = compare_paired((left, words), (right, words), names(200), scale=100)

    def difference(a: np.ndarray, b: np.ndarray, w: np.ndarray, axis: int) -> np.ndarray:
        return 100 * (b.sum(axis=axis) - a.sum(axis=axis)) / w.sum(axis=axis)

    theirs = stats.bootstrap(
        (left, right, words), difference, paired=True, vectorized=True, n_resamples=5_000,
        rng=np.random.default_rng(3),
    )  # fmt: skip
    assert ours.difference == pytest.approx(100 * (right.sum() - left.sum()) / words.sum())
    assert ours.error == pytest.approx(theirs.standard_error, rel=0.04)


def test_speakers_of_equal_size_are_their_means():
    generator = np.random.default_rng(2)
    first = generator.normal(2, 0.3, (6, 5))
    second = first + generator.normal(0, 0.1, (6, 1)) + generator.normal(0, 0.02, (6, 5))
    speakers = [f"s{i:02d}" for i in range(6) for _ in range(5)]
    ours = compare_paired((first.ravel(), np.ones(30)), (second.ravel(), np.ones(30)), speakers)
    theirs = stats.ttest_rel(second.mean(axis=1), first.mean(axis=1))
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval(0.95)))
    alone = compare_paired((first.ravel(), np.ones(30)), (second.ravel(), np.ones(30)), names(30))
    assert ours.high - ours.low > 1.7 * (alone.high - alone.low)


def test_speakers_of_unequal_size_have_fewer_degrees_of_freedom():
    first, second = noisy(60, 0.02)
    owner = ["a"] * 40 + ["b"] * 15 + ["c"] * 5
    ours = compare_paired((first, np.ones(60)), (second, np.ones(60)), owner)
    assert ours.effective == pytest.approx(60**2 / (40**2 + 15**2 + 5**2))
    assert ours.high - ours.low == pytest.approx(2 * t_quantile(ours.effective) * ours.error)


def test_results_do_not_depend_on_the_order_and_equal_sides_differ_by_nothing():
    first, second = noisy(50, 0.01)
    order = np.random.default_rng(9).permutation(50)
    ones, ids = np.ones(50), names(50)
    same = compare_paired((first, ones), (first, ones), ids)
    assert (same.difference, same.low, same.high, same.p_higher, same.p_lower) == (0, 0, 0, 1, 1)
    plain = compare_paired((first, ones), (second, ones), ids)
    assert plain == compare_paired((first[order], ones), (second[order], ones), [ids[i] for i in order])


def test_differences_without_any_spread_are_sure_but_never_wholly():
    first = np.linspace(1, 3, 30)
    found = compare_paired((first, np.ones(30)), (first - 1, np.ones(30)), [f"s{i % 10}" for i in range(30)])
    assert (found.p_lower, found.p_higher) == (2.0**-30, 1.0)
    assert (found.low, found.high) == pytest.approx((-1, -1))


def test_speakers_whose_counts_change_by_the_same_are_no_proof():
    """One word more each, of two who read the same: that is two words, and no difference that is always there."""
    more = [0] * 9 + [1]
    found = compare_paired(([0] * 20, [10] * 20), (more * 2, [10] * 20), ["ann"] * 10 + ["bob"] * 10, scale=100)
    over_utterances = stats.sem(np.multiply(more * 2, 10))
    assert found.error == pytest.approx(over_utterances)
    assert found.high == pytest.approx(1 + t_quantile(2) * over_utterances)
    assert found.p_higher > 0.1


def test_one_utterance_says_nothing():
    found = compare_paired(([1.0], [1.0]), ([0.5], [1.0]), ["u"])
    assert (found.low, found.high, found.p_lower) == (float("-inf"), float("inf"), 1.0)


def test_relative_differences_have_no_interval_where_the_baseline_can_be_nothing():
    few = compare_paired(([0, 0, 0, 1], [9] * 4), ([1, 0, 2, 1], [9] * 4), names(4))
    assert few.relative == pytest.approx(3.0)
    assert few.relative_low is None
    none = compare_paired(([0, 0], [9, 9]), ([1, 0], [9, 9]), names(2))
    assert none.relative is None
    assert compare_paired(([2, 2], [1, 1]), ([1, 1], [1, 1]), names(2)).relative_high == -0.5


def test_nothing_to_compare_is_an_error():
    with pytest.raises(ValueError, match="0 scores"):
        compare_paired(([], []), ([], []), [])
    with pytest.raises(ValueError, match="2 scores for 1"):
        compare_paired(([1, 2], [1, 1]), ([1, 2], [1, 1]), ["a"])
