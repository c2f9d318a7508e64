"""Estimates against scipy, statsmodels, published numbers and hand-checkable cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipys
from statsmodels.api import OLS
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from codec_bench.stats import (
    cluster_names,
    effective_number,
    estimate,
    holm,
    interval,
    jackknife_error,
    share_of,
    t_quantile,
    t_tail,
    with_trainings,
)


def test_mean_and_interval_are_those_of_scipy_where_every_utterance_is_its_own_cluster():
    values = np.random.default_rng(1).normal(2.0, 0.5, 200)
    ours = estimate(values.tolist(), [1.0] * 200, [f"u{i}" for i in range(200)], expected=200)
    theirs = scipys.ttest_1samp(values, 0).confidence_interval(0.95)
    assert ours.value == pytest.approx(values.mean(), abs=1e-12)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_with_equally_many_utterances_each_the_interval_is_that_of_speaker_means():
    generator = np.random.default_rng(2)
    values = generator.normal(2, 0.3, (8, 1)) + generator.normal(0, 0.2, (8, 5))
    ours = estimate(values.ravel().tolist(), [1.0] * 40, [str(i // 5) for i in range(40)], expected=40)
    theirs = scipys.ttest_1samp(values.mean(axis=1), 0).confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert (ours.clusters, ours.effective) == (8, 8)


def test_the_error_over_unequal_speakers_is_near_that_of_statsmodels():
    """The jackknife is the cluster-robust error without its assumption of a large sample: a little larger."""
    generator = np.random.default_rng(3)
    sizes = [44, 32, 28, 22, 18, 14, 11, 9, 8, 6, 4, 2, 2]
    owner = np.repeat(np.arange(13), sizes)
    values = generator.normal(0, 1, 13)[owner] + generator.normal(0, 1, len(owner))
    found = estimate(values.tolist(), [1.0] * len(owner), [str(o) for o in owner], expected=len(owner))
    robust = OLS(values, np.ones(len(owner))).fit(cov_type="cluster", cov_kwds={"groups": owner}).bse[0]
    ours = (found.high - found.low) / 2 / t_quantile(found.effective)
    assert robust < ours < 1.2 * robust
    assert found.effective == pytest.approx(sum(sizes) ** 2 / sum(size**2 for size in sizes))


def test_quantiles_and_tails_are_those_of_scipy():
    for effective in (2, 2.7, 7.9, 37):
        assert t_quantile(effective) == pytest.approx(scipys.t.ppf(0.975, effective - 1))
        assert t_tail(1.7, effective) == pytest.approx(scipys.t.sf(1.7, effective - 1))
    assert t_quantile(1.02) == t_quantile(2)  # two speakers, of whom one said nearly all


def test_the_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(4).normal(size=30)
    without = (values.sum() - values) / 29
    assert jackknife_error(without) == pytest.approx(scipys.sem(values))


def test_an_error_rate_has_an_interval_on_the_logarithm():
    errors, words = [3, 0, 5, 2], [100, 80, 120, 90]
    found = estimate(errors, words, list("abcd"), expected=4, scale=100, share="errors")
    error = jackknife_error(np.array([(10 - e) / (390 - w) for e, w in zip(errors, words, strict=True)]))
    factor = np.exp(scipys.t.ppf(0.975, found.effective - 1) * error / (10 / 390))
    assert (found.low, found.high) == pytest.approx((100 * 10 / 390 / factor, 100 * 10 / 390 * factor))
    assert found.high - found.value > found.value - found.low > 0


def test_no_error_ends_where_clopper_and_pearson_do():
    """Of utterances that are their own speakers; those of a speaker count as one."""
    found = estimate([0] * 50, [1] * 50, [str(i) for i in range(50)], expected=50, share="errors")
    assert (found.low, found.high) == pytest.approx(proportion_confint(0, 50, method="beta"))
    hits = estimate([1] * 50, [1] * 50, [str(i) for i in range(50)], expected=50, share="hits")
    assert (hits.low, hits.high) == pytest.approx(proportion_confint(50, 50, method="beta"))
    grouped = estimate([0] * 50, [1] * 50, [str(i // 10) for i in range(50)], expected=50, share="errors")
    assert grouped.high == pytest.approx(proportion_confint(0, 5, method="beta")[1])


@pytest.mark.parametrize(("share", "right"), [("hits", 0), ("errors", 20)])
def test_nothing_but_errors_starts_where_clopper_and_pearson_do(share: str, right: int):
    found = estimate([right / 20] * 20, [1] * 20, [str(i) for i in range(20)], expected=20, share=share)
    assert (found.low, found.high) == pytest.approx(proportion_confint(right, 20, method="beta"))


def test_speakers_with_the_same_rate_leave_as_much_open_as_so_many_independent_words():
    found = estimate([5, 5], [100, 100], ["ann", "bob"], expected=2, share="errors")
    assert (found.low, found.high) == pytest.approx(proportion_confint(10, 200, method="beta"))


def test_frames_are_not_wrong_more_often_than_there_are_frames():
    rates = [(90, 100), (10, 100), (99, 100)]
    found = estimate(*zip(*rates, strict=True), ["a", "b", "c"], expected=3, share="errors")
    assert found.high == 1
    words = estimate([9, 1, 12], [10, 10, 10], ["a", "b", "c"], expected=3, share="errors")
    assert words.high > 1


def test_a_rate_ends_at_all_unless_it_was_seen_to_be_more():
    assert interval(0.01, 0.01, 2, "errors")[1] == 1.0
    assert interval(1.2, 0.1, 10, "errors")[1] > 1.4  # more insertions than words
    assert interval(0.1, 0.15, 4, "hits")[0] == 0.0
    # What is no share after all: a plug-in's percentage of change.
    assert estimate([-1, 2, 3], [1, 1, 1], list("abc"), expected=3, share="errors").low < -1


def test_trainings_add_their_variance():
    error, effective = with_trainings(0.03, 20, [0.50, 0.54, 0.58])
    assert error == pytest.approx(np.hypot(0.03, 0.04 / 3**0.5))
    assert 3 < effective < 20
    # Welch's degrees of freedom are Satterthwaite's.
    first, second = np.random.default_rng(5).normal(0, [[1], [3]], (2, 12))
    welch = scipys.ttest_ind(first, second[:4], equal_var=False)
    ours = with_trainings(float(scipys.sem(first)), 12, second[:4].tolist())
    assert ours == pytest.approx((np.hypot(scipys.sem(first), scipys.sem(second[:4])), 1 + welch.df))
    assert with_trainings(0.03, 20, [0.5]) == (0.03, 20)


def test_order_and_names_do_not_matter():
    generator = np.random.default_rng(5)
    values = generator.normal(size=300).tolist()
    names = [f"s{i % 40}" for i in range(300)]
    shuffled = generator.permutation(300)
    ones = [1.0] * 300
    found = estimate(values, ones, names, expected=300)
    assert found == estimate([values[i] for i in shuffled], ones, [names[i] for i in shuffled], expected=300)
    renamed = estimate(values, ones, [f"{hash(n)}" for n in names], expected=300)
    assert (renamed.low, renamed.high) == pytest.approx((found.low, found.high), abs=1e-12)


@pytest.mark.parametrize(
    ("numerators", "denominators", "value"),
    [([], [], None), ([1], [10], 10.0), ([1, 0], [1, 9], 10.0)],  # the mean of 1/1 and 0/9 would be 50
)
def test_ratios_are_pooled_and_one_cluster_gives_no_interval(
    numerators: list[int], denominators: list[int], value: float | None
):
    found = estimate(numerators, denominators, ["a"] * len(numerators), expected=5, scale=100)
    assert (found.value, found.low, found.high) == (value, None, None)
    assert (found.n, found.expected, found.clusters) == (len(numerators), 5, min(1, len(numerators)))


def test_speakers_are_the_unit_where_two_are_known():
    names = ["u0", "u1", "u2"]
    assert cluster_names(names, ["ann", "bob", None]) == ["speaker:ann", "speaker:bob", "utterance:u2"]
    assert cluster_names(names, ["ann", "ann", None]) == [f"utterance:{n}" for n in names]
    assert cluster_names(names, [None] * 3) == [f"utterance:{n}" for n in names]


def test_shares_are_what_is_in_percent():
    assert [share_of("%", "lower"), share_of("%", "higher"), share_of("%", ""), share_of("", "lower")] == [
        "errors", "hits", "", "",
    ]  # fmt: skip
    assert effective_number([5, 5]) == 2


@pytest.mark.long
@pytest.mark.slow
def test_holm_is_that_of_statsmodels():
    generator = np.random.default_rng(0)
    for count in (1, 2, 7, 40):
        p_values = generator.beta(0.3, 1, count).tolist()
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert holm([]) == []
