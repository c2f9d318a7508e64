"""Intervals hold the truth, and `compare` errs, as often as the docs say: on scores whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats as scipys

from codec_bench.comparison import compare
from tests.benchmark_modules import load_benchmark


@pytest.fixture(scope="module")
def simulated() -> Any:
    """The module of the benchmark, whose long run makes the tables of docs/ci.md."""
    return load_benchmark("simulated_statistics")


LAYOUTS = ["5 equal", "5 unequal", "8 equal", "8 unequal", "13 of test-B", "37 of test-B"]


def test_the_counts_of_test_b_add_up(simulated: Any):
    assert (len(simulated.TEST_B), sum(simulated.TEST_B)) == (37, 500)
    assert (len(simulated.FIRST_200), sum(simulated.FIRST_200)) == (13, 200)


@pytest.mark.parametrize("layout", ["2 equal", "2 unequal", "3 equal", "3 unequal", *LAYOUTS])
def test_intervals_hold_the_truth(simulated: Any, layout: str):
    """Of means of alike and of very unlike speakers, and of rare and of frequent errors; 1000 samples of each."""
    sizes = simulated.LAYOUTS[layout]
    found = [simulated.of_means(layout, sizes, icc, 1000) for icc in (0.03, 0.75)]
    found += [simulated.of_rates(layout, sizes, *setting, 1000) for setting in ((0.003, 0.3), (0.02, 0.7), (0.1, 0.3))]
    least = 0.90 if len(sizes) < 5 else 0.92
    assert all(row["coverage"] >= least for row in found), found


@pytest.mark.parametrize(("systems", "repeats"), [(1, 1000), (20, 100)])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.slow
def test_false_alarms_are_rare(simulated: Any, layout: str, systems: int, repeats: int):
    """Of comparisons of 8 metrics without any true change; `compare` itself makes the first of them, too."""
    simulation = simulated.Simulation(repeats)
    found = simulation.alarms(layout, simulated.LAYOUTS[layout], systems, 0.6)
    assert found["alarms"] <= 0.07
    assert simulation.agreed == 8 * systems


@pytest.mark.parametrize("icc", [0.3, 0.6])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_worse_by_the_limit_hardly_ever_passes(simulated: Any, layout: str, icc: float):
    """One-sided 2.5 %, whatever the noise; four times the limit is found, with the noise that was measured."""
    sizes, simulation = simulated.LAYOUTS[layout], simulated.Simulation(4000)
    at_limit = simulation.drop(layout, sizes, icc, simulated.PESQ_NOISE, simulated.LIMIT)
    assert 0.007 <= at_limit["pass"] <= 0.028
    far_beyond = simulation.drop(layout, sizes, icc, simulated.PESQ_NOISE, 4 * simulated.LIMIT)
    assert far_beyond["pass"] <= 0.001
    assert far_beyond["regression"] >= (0.95 if len(sizes) > 8 else 0.65)


def test_compare_has_the_p_of_scipys_paired_t_over_speaker_means(simulated: Any):
    """With equally many utterances of each speaker the two are the same test."""
    generator = np.random.default_rng(3)
    draw = simulated.Draw(generator, [5] * 9, ["pesq_wb"], (1, 1), 0.6, 0.1, 0.05)
    result = compare(*draw.measurements(0)).results[0]
    means = draw.tops[0, 0, 0].reshape(2, 9, 5).mean(axis=2)
    theirs = scipys.ttest_rel(means[0], means[1], alternative="greater")
    assert result.paired is not None
    assert result.paired.p_lower == pytest.approx(theirs.pvalue, rel=1e-9)
    both_sides = scipys.ttest_rel(means[1], means[0]).confidence_interval(0.95)
    assert (result.paired.low, result.paired.high) == pytest.approx((both_sides.low, both_sides.high), rel=1e-9)


def test_a_rule_that_is_not_that_of_compare_is_noticed(simulated: Any):
    draw = simulated.Draw(np.random.default_rng(4), [20] * 5, ["pesq_wb"], (1, 1), 0.6, 0.1, 0.0)
    verdicts, corrected = simulated.verdicts(draw, 0.05)
    with pytest.raises(SystemExit, match="come apart"):
        simulated.check(draw, verdicts, corrected * 1.001, 0, simulated.Gate())
