"""BD-rate against the package bjontegaard 1.3.0, and what is refused.

`data/bjontegaard.json` holds its results (`bd_rate` and `bd_psnr` with `min_overlap=0`) for the example of its README,
a speech-like one, and 40 random monotone curves, so that tests need no package more.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from codec_bench.comparison.bjontegaard import Curve, bd_rate, bd_value, equal_rate
from codec_bench.records import NotScorable

CASES = json.loads((Path(__file__).parent / "data" / "bjontegaard.json").read_text())


@pytest.mark.parametrize("method", ["pchip", "akima"])
def test_values_are_those_of_the_package(method):
    assert round(CASES[0]["pchip"][0], 10) == -4.4174853506  # also in facts that do not come from this file
    for case in CASES:
        curves = [Curve.of(*case[side]) for side in ("anchor", "test")]
        found = [function(*curves, method) for function in (bd_rate, bd_value)]
        assert found == pytest.approx(case[method], rel=1e-9, abs=1e-9)


def test_curves_that_do_not_overlap_have_no_difference():
    low, high = Curve.of([1, 2, 4], [1, 1.2, 1.4], "low"), Curve.of([8, 16, 32], [2, 2.2, 2.4], "high")
    with pytest.raises(NotScorable, match="no quality in common: the lowest of high is above the highest of low"):
        bd_rate(low, high)
    with pytest.raises(NotScorable, match="no bitrate in common: the lowest of high"):
        bd_value(high, low)


@pytest.mark.parametrize(
    ("rates", "values", "reason"),
    [
        ([1, 2], [1, 2], "has 2 of at least 3 rates"),
        ([1, 2, 4], [1, 2, 1.9], "not monotone"),
        ([1, 2, 4], [1, 2, 2], "not monotone"),
        ([1, 2, 2], [1, 2, 3], "two points of one bitrate"),
        ([1, 2, math.nan], [1, 2, 3], "without a bitrate or a value"),
    ],
)
def test_what_is_no_curve_is_refused(rates, values, reason):
    with pytest.raises(NotScorable, match=reason):
        Curve.of(rates, values)


def test_equal_rate_of_the_anchors_own_points_is_their_rate():
    anchor = Curve.of([24, 6, 12], [0.99, 0.9, 0.97])
    assert [equal_rate(anchor, value) for value in (0.9, 0.97, 0.99)] == [6, 12, 24]
    assert 6 < equal_rate(anchor, 0.95) < 12
    assert [equal_rate(anchor, value) for value in (0.89, 0.995)] == [-math.inf, math.inf]
