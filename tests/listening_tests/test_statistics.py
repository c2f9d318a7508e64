"""Opinions, differences and shares of right answers against scipy, statsmodels and figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from codec_bench.listening_tests.statistics import differences, discrimination, opinion

from .layouts import drawn, layout, mixed_model, names


def test_an_opinion_is_that_of_a_mixed_model():
    generator = np.random.default_rng(3)
    places = layout(generator, 9, 6, 6)
    scores, (listeners, items) = list(60 + drawn(generator, places, (10.0, 8.0, 8.0))), names(places)
    mean, error, variances = mixed_model(scores, listeners, items)
    found = opinion(scores, listeners, items)
    assert found.mean == pytest.approx(mean)
    assert found.variances == pytest.approx(variances, rel=5e-3)
    assert found.low is not None
    # Satterthwaite's degrees of freedom are between those of items and those of all.
    assert stats.t.ppf(0.975, 53) * error < found.mean - found.low < stats.t.ppf(0.975, 5) * error
    assert (found.listeners, found.items, found.ratings) == (9, 6, 54)
    assert (found.quartiles[0], found.median) == pytest.approx((np.percentile(scores, 25), np.median(scores)))


def test_each_listener_counts_once_however_many_items_they_rated():
    found = opinion([0, 0, 0, 90], ["ann", "ann", "ann", "bob"], ["1", "2", "3", "1"])
    assert found.mean == 45


@pytest.mark.parametrize(("listeners", "items"), [("aa", "12"), ("ab", "11")])
def test_one_listener_or_one_item_has_no_interval(listeners: str, items: str):
    found = opinion([10, 20], [*listeners], [*items])
    assert (found.mean, found.low, found.high) == (15, None, None)
    pairs = {"x": dict(zip(zip(listeners, items, strict=True), (10, 20), strict=True))}
    pairs["y"] = dict.fromkeys(pairs["x"], 5)
    (apart,) = differences(pairs)
    assert (apart.mean, apart.low, apart.p_value, apart.p_holm) == (10, None, None, None)


def ratings(
    seed: int, systems: dict[str, float], shape: tuple[int, int, int] = (10, 8, 8)
) -> dict[str, dict[tuple[str, str], float]]:
    """Listeners and items shift all systems alike, and each system a little more."""
    generator = np.random.default_rng(seed)
    places = layout(generator, *shape)
    common, keys = drawn(generator, places, (15.0, 10.0, 0.0)), list(zip(*names(places), strict=True))
    return {
        label: dict(zip(keys, mean + common + drawn(generator, places, (4.0, 4.0, 6.0)), strict=True))
        for label, mean in systems.items()
    }


def test_differences_are_opinions_of_differences_with_holms_correction():
    scores = ratings(1, {"a": 60, "b": 56, "c": 40})
    found = differences(scores)
    assert [(each.first, each.second) for each in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    for each in found:
        values = {place: scores[each.first][place] - scores[each.second][place] for place in scores["a"]}
        listeners, items = zip(*values, strict=True)
        same = opinion(list(values.values()), listeners, items)
        assert (each.mean, each.low, each.high) == (same.mean, same.low, same.high)
        assert (each.listeners, each.items, each.pairs) == (10, 8, 80)
        assert each.low is not None
        assert each.p_value is not None
        assert (each.p_value < 0.05) == (each.low > 0)
    assert [each.p_holm for each in found] == pytest.approx(
        multipletests([each.p_value for each in found], method="holm")[1]
    )


def test_a_difference_is_clear_where_the_opinions_overlap():
    scores = ratings(2, {"a": 60, "b": 50})
    (apart,) = differences(scores)
    both = [opinion(list(own.values()), *zip(*own, strict=True)) for own in scores.values()]
    assert both[0].low is not None
    assert both[1].high is not None
    assert both[0].low < both[1].high
    assert apart.p_holm is not None
    assert apart.p_holm < 0.001


def test_only_what_one_listener_rated_of_both_is_compared():
    scores = ratings(3, {"a": 60, "b": 50})
    lost = list(scores["b"])[:5]
    without = {"a": scores["a"], "b": {place: score for place, score in scores["b"].items() if place not in lost}}
    (found,) = differences(without)
    assert found.pairs == 75
    (none,) = differences({"a": {("l0", "u0"): 50.0}, "b": {("l1", "u0"): 50.0}})
    assert (none.mean, none.p_holm, none.pairs) == (None, None, 0)


@pytest.mark.long
def test_equal_systems_seldom_differ_and_others_do():
    """Of five, four equal: a false alarm among the six pairs in 5 % of tests or fewer, and the other one is found."""
    alarms = missed = 0
    for seed in range(200):
        found = differences(ratings(seed, {"a": 60, "b": 60, "c": 60, "d": 60, "e": 40}, (10, 8, 4)))
        found = [each for each in found if each.p_holm is not None and each.p_holm < 0.05]
        alarms += any("e" not in (each.first, each.second) for each in found)
        missed += sum("e" in (each.first, each.second) for each in found) < 4
    assert alarms / 200 <= 0.07
    assert missed / 200 < 0.1


def test_abx_answers_by_hand():
    """12 of 16 and the p-value (1820 + 560 + 120 + 16 + 1) / 65536; each of another person about another item."""
    answers = ["correct"] * 12 + ["incorrect"] * 4 + ["undecided"] * 3
    found = discrimination(answers, [f"l{i}" for i in range(19)], [f"u{i}" for i in range(19)])
    assert found.p_value == pytest.approx(2517 / 65536)
    # 16 independent answers: the variance of a share is estimated with 15 degrees of freedom.
    assert found.effective == pytest.approx(15)
    assert (found.low, found.high) == pytest.approx(proportion_confint(0.75 * 15, 15, method="beta"))
    assert (found.share, found.answers, found.undecided, found.listeners) == (0.75, 16, 3, 19)
    assert found.drawn == ("listeners", "items")


def test_many_answers_of_few_listeners_are_not_many():
    """Two who hear everything and two who hear nothing: 64 answers say of other people what four say."""
    listeners, items = [who for who in "abcd" for _ in range(16)], [*map(str, range(16))] * 4
    answers = ["correct"] * 32 + ["correct", "incorrect"] * 16
    found = discrimination(answers, listeners, items)
    assert found.share == 0.75
    assert found.effective is not None
    assert found.effective < 4
    assert found.low is not None
    assert found.low < 0.3
    assert found.p_value == pytest.approx(stats.binomtest(48, 64, alternative="greater").pvalue)


def test_right_answers_throughout_hold_for_as_many_as_there_were_people():
    answers = ["correct"] * 24
    found = discrimination(answers, [*"aaaaaabbbbbbccccccdddddd"], [*"123456" * 4])
    assert (found.effective, found.high) == (4, 1)
    assert found.low == pytest.approx(0.025 ** (1 / 4))
    assert discrimination(["incorrect"] * 24, [*"aaaaaabbbbbbccccccdddddd"], [*"123456" * 4]).high == pytest.approx(
        1 - 0.025 ** (1 / 4)
    )


def test_answers_of_one_listener_are_about_them():
    found = discrimination(["correct"] * 12 + ["incorrect"] * 4, ["ann"] * 16, [f"u{i}" for i in range(16)])
    assert found.drawn == ("items",)
    assert found.effective == pytest.approx(15)
    once = discrimination(["correct"] * 3, ["ann"] * 3, ["u"] * 3)
    assert (once.share, once.low, once.drawn, once.p_value) == (1, None, (), 0.125)


def test_answers_that_are_all_undecided_have_no_share():
    found = discrimination(["undecided"], ["a"], ["u"])
    assert (found.share, found.p_value, found.answers, found.undecided) == (None, None, 0, 1)


@pytest.mark.long
@pytest.mark.parametrize(
    ("shape", "effects", "hearing"),
    [
        ((4, 12, 12), (1.0, 0.0), 0.0),
        ((4, 12, 12), (2.0, 0.7), 1.0),
        ((10, 8, 8), (1.0, 1.0), 1.0),
        ((20, 12, 6), (1.0, 1.0), 2.5),
        ((3, 16, 16), (1.0, 0.5), 4.0),
        ((6, 10, 10), (0.0, 0.0), 0.0),
    ],
)
def test_shares_hold_the_truth_as_often_as_they_say(
    shape: tuple[int, int, int], effects: tuple[float, float], hearing: float
):
    """People and items differ in the logit. Wilson's interval, which takes answers as independent, fails."""
    truth = expit(hearing + np.hypot(*effects) * np.random.default_rng(0).standard_normal(400_000)).mean()
    hits = wilson = 0
    for seed in range(400):
        generator = np.random.default_rng(seed)
        places = layout(generator, *shape)
        chances = expit(hearing + drawn(generator, places, (*effects, 0.0)))
        answers = ["correct" if right else "incorrect" for right in generator.random(len(places)) < chances]
        found = discrimination(answers, *names(places))
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= truth <= found.high
        low, high = proportion_confint(found.right, found.answers, method="wilson")
        wilson += low <= truth <= high
    assert hits / 400 >= 0.93
    if effects[0] > 1:
        assert wilson / 400 < 0.7
