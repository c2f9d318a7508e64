"""The mean of crossed listeners and items against statsmodels, scipy and the table of an analysis of variance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.formula.api import ols

from codec_bench.listening_tests.crossed import Candidate, Spread, spread

from .layouts import drawn, layout, mixed_model, names


def simulated(seed: int, shape: tuple[int, int, int], effects: tuple[float, float, float]):
    generator = np.random.default_rng(seed)
    places = layout(generator, *shape)
    return list(50 + drawn(generator, places, effects)), *names(places)


def both_of(found: Spread) -> Candidate:
    return next(candidate for candidate in found.candidates if candidate.unit == "listeners and items")


def test_a_full_table_gives_what_restricted_maximum_likelihood_gives():
    data = simulated(4, (9, 7, 7), (10.0, 6.0, 8.0))
    mean, error, variances = mixed_model(*data)
    found = spread(*data)
    assert found.mean == pytest.approx(mean)
    assert found.components == pytest.approx(variances, rel=5e-3)
    assert both_of(found).variance == pytest.approx(error**2, rel=5e-3)


def test_a_full_table_by_hand_from_the_mean_squares_of_statsmodels():
    """Variance and degrees of freedom as Satterthwaite wrote them for a sum of mean squares."""
    values, listeners, items = simulated(5, (6, 5, 5), (9.0, 7.0, 6.0))
    frame = pd.DataFrame({"y": values, "who": listeners, "item": items})
    table = sm.stats.anova_lm(ols("y ~ C(who) + C(item)", frame).fit())
    who, item, rest = table["sum_sq"] / table["df"]
    assert min(who, item) > rest
    variance = (who + item - rest) / 30
    df = (who + item - rest) ** 2 / (who**2 / 5 + item**2 / 4 + rest**2 / 20)
    found = spread(values, listeners, items)
    assert found.components == pytest.approx(((who - rest) / 5, (item - rest) / 6, rest))
    assert (both_of(found).variance, both_of(found).effective - 1) == pytest.approx((variance, df))
    assert both_of(found).half_width == pytest.approx(stats.t.ppf(0.975, df) * variance**0.5)
    assert both_of(found).p_value(found.mean) == pytest.approx(2 * stats.t.sf(found.mean / variance**0.5, df))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_an_unbalanced_table_is_close_to_restricted_maximum_likelihood(seed: int):
    """They weigh answers in other ways, so that they agree as two good estimates do."""
    data = simulated(seed, (40, 30, 12), (10.0, 8.0, 9.0))
    _, error, variances = mixed_model(*data)
    found = spread(*data)
    assert found.components == pytest.approx(variances, rel=0.1)
    assert both_of(found).variance ** 0.5 == pytest.approx(error, rel=0.03)


@pytest.mark.long
def test_variances_of_an_unbalanced_table_are_right_on_average():
    found = np.array([spread(*simulated(seed, (10, 9, 4), (10.0, 8.0, 6.0))).components for seed in range(800)])
    assert found.mean(axis=0) == pytest.approx([100, 64, 36], rel=0.08)


def test_no_variance_is_negative():
    """Listeners who balance each other out: their mean square is below that of the rest."""
    values = np.array([[0.0, 10, 20], [20, 10, 0], [10, 10, 10]])
    listeners, items = [who for who in "abc" for _ in range(3)], [*"123"] * 3
    found = spread(list(values.ravel()), listeners, items)
    assert found.components == (0.0, 0.0, 100.0)
    assert both_of(found).variance == pytest.approx(100 / 9)


@pytest.mark.parametrize("shape", [(2, 20, 20), (20, 2, 2), (6, 6, 3), (12, 5, 2)])
def test_never_narrower_than_students_t_over_listeners_or_over_items(shape: tuple[int, int, int]):
    for seed in range(20):
        values, listeners, items = simulated(seed, shape, (3.0, 3.0, 9.0))
        found = spread(values, listeners, items)
        means = pd.Series(values).groupby(listeners).mean()
        interval = stats.ttest_1samp(means, 0).confidence_interval(0.95)
        assert found.half_width is not None
        assert found.half_width >= (interval.high - interval.low) / 2 - 1e-9
        assert found.half_width == max(candidate.half_width for candidate in found.candidates)
        if shape[2] == shape[1]:
            interval = stats.ttest_1samp(pd.Series(values).groupby(items).mean(), 0).confidence_interval(0.95)
            assert found.half_width >= (interval.high - interval.low) / 2 - 1e-9


def test_listeners_with_items_of_their_own_are_what_is_drawn():
    """Nobody can say whether such items or such listeners differ: t over the listeners, who hold both."""
    values = [10.0, 20, 40, 60, 70, 95]
    found = spread(values, [*"aabbcc"], [*"123456"])
    interval = stats.ttest_1samp([15, 50, 82.5], 0).confidence_interval(0.95)
    assert found.components is None
    assert found.half_width == pytest.approx((interval.high - interval.low) / 2)


def test_answers_that_are_all_equal_say_nothing_of_others():
    found = spread([100.0] * 4, [*"aabb"], [*"1212"])
    assert (found.mean, found.half_width, found.p_value) == (100, None, None)


def test_one_of_a_kind_is_not_drawn():
    alone = spread([10.0, 20, 30], [*"aaa"], [*"123"])
    assert alone.units == ("items",)
    assert alone.p_value == pytest.approx(stats.ttest_1samp([10, 20, 30], 0).pvalue)
    assert spread([10.0], ["a"], ["1"]) == Spread(10.0, None, (), ())


def test_neither_the_order_nor_the_names_matter():
    values, listeners, items = simulated(7, (8, 6, 4), (5.0, 5.0, 5.0))
    order = np.random.default_rng(1).permutation(len(values))
    other = spread([values[i] for i in order], [f"x{listeners[i]}" for i in order], [items[i].upper() for i in order])
    assert other == spread(values, listeners, items)


@pytest.mark.long
@pytest.mark.parametrize(
    ("shape", "effects"),
    [
        ((8, 6, 6), (5.0, 5.0, 6.0)),
        ((5, 5, 5), (3.0, 7.0, 6.0)),
        ((19, 16, 8), (13.0, 21.0, 17.5)),  # AudioDec of the published test
        ((3, 12, 12), (6.0, 3.0, 6.0)),
        ((10, 4, 4), (0.0, 6.0, 6.0)),
        ((10, 10, 5), (6.0, 0.0, 6.0)),
        ((2, 20, 20), (6.0, 3.0, 6.0)),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(
    shape: tuple[int, int, int], effects: tuple[float, float, float]
):
    """Of new listeners and new items each time. Those of Student's t over listeners, which BS.1534-3 shows, do not."""
    hits = alone = 0
    for seed in range(600):
        values, listeners, items = simulated(seed, shape, effects)
        found = spread(values, listeners, items)
        assert found.half_width is not None
        hits += abs(found.mean - 50) <= found.half_width
        alone += abs(found.mean - 50) <= found.candidates[0].half_width
    assert hits / 600 >= 0.93
    if effects[1] > effects[0]:
        assert alone / 600 < 0.8
