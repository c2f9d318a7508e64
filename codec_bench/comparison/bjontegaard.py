"""Rate-distortion curves of two codecs: how many bits one saves at equal quality (Bjontegaard 2001).

The curves run through their points by PCHIP (Fritsch and Carlson 1980) or Akima's method (1970), over the logarithm of
the bitrate. The cubic polynomial of VCEG-M33 is left out: it answers whatever it is given, and swings between points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from codec_bench.records import NotScorable
from codec_bench.stats import Floats

Method = Literal["pchip", "akima"]

FEWEST_RATES = 3
"""Two points are a line, whatever lies between them."""

SMALL_OVERLAP = 0.75
"""A result over a smaller share of both curves speaks of that share alone, which is told."""


@dataclass(frozen=True)
class Curve:
    """What a codec gives at each of its bitrates.

    Attributes:
        rates: `[n]`, rising, in kbit/s.
        values: `[n]`, of which more is better.
        name: For messages.
    """

    rates: Floats
    values: Floats
    name: str = "the curve"

    @classmethod
    def of(cls, rates: Sequence[float] | Floats, values: Sequence[float] | Floats, name: str = "the curve") -> Curve:
        """A curve through points in any order.

        Raises:
            NotScorable: They are no curve: too few, twice the same bitrate, or quality that does not rise with it.
        """
        x, y = np.asarray(rates, np.float64), np.asarray(values, np.float64)
        if len(x) < FEWEST_RATES:
            raise NotScorable(f"{name} has {len(x)} of at least {FEWEST_RATES} rates")
        if not (np.isfinite(x).all() and np.isfinite(y).all() and (x > 0).all()):
            raise NotScorable(f"{name} has a point without a bitrate or a value")
        order = np.argsort(x)
        x, y = x[order], y[order]
        if (np.diff(x) <= 0).any():
            raise NotScorable(f"{name} has two points of one bitrate")
        falling = np.flatnonzero(np.diff(y) <= 0)
        if len(falling):
            low, high = x[falling[0]], x[falling[0] + 1]
            raise NotScorable(f"{name} is not monotone: {high:.4g} gives no more than {low:.4g} kbit/s")
        return cls(x, y, name)


def bd_rate(anchor: Curve, test: Curve, method: Method = "pchip") -> float:
    """How many percent more bits `test` needs for the same quality; negative where it needs fewer.

    Raises:
        NotScorable: The curves have no quality in common.

    >>> one, two = Curve.of([1, 2, 4], [1.0, 2.0, 3.0]), Curve.of([2, 4, 8], [1.0, 2.0, 3.0])
    >>> round(bd_rate(one, two), 9), round(bd_rate(two, one), 9)
    (100.0, -50.0)
    """
    sides = [(curve.values, np.log10(curve.rates)) for curve in (anchor, test)]
    return float(100 * (10 ** _mean_difference(sides, "quality", (anchor.name, test.name), method) - 1))


def bd_value(anchor: Curve, test: Curve, method: Method = "pchip") -> float:
    """How much better `test` is at the same bitrate, in the unit of the values.

    Raises:
        NotScorable: The curves have no bitrate in common.
    """
    sides = [(np.log10(curve.rates), curve.values) for curve in (anchor, test)]
    return _mean_difference(sides, "bitrate", (anchor.name, test.name), method)


def overlap(one: Floats, other: Floats) -> float:
    """Which part of the range that two sets of numbers cover is covered by both.

    >>> overlap(np.array([0.0, 3.0]), np.array([1.0, 4.0]))
    0.5
    """
    common = min(one.max(), other.max()) - max(one.min(), other.min())
    return max(0.0, float(common / (max(one.max(), other.max()) - min(one.min(), other.min()))))


def equal_rate(anchor: Curve, value: float) -> float:
    """The bitrate at which the anchor's curve has a value; -inf or inf where that lies below or above the curve.

    >>> equal_rate(Curve.of([6, 12, 24], [1.0, 2.0, 3.0]), 2.0), equal_rate(Curve.of([6, 12, 24], [1, 2, 3]), 0.5)
    (12.0, -inf)
    """
    if not anchor.values[0] <= value <= anchor.values[-1]:
        return float("-inf" if value < anchor.values[0] else "inf")
    return float(round(10 ** float(_through(anchor.values, np.log10(anchor.rates), "pchip")(value)), 9))


def _mean_difference(
    sides: Sequence[tuple[Floats, Floats]], what: str, names: tuple[str, str], method: Method
) -> float:
    """The second curve minus the first, averaged over where both are."""
    (first, _), (second, _) = sides
    low, high = max(first[0], second[0]), min(first[-1], second[-1])
    if low >= high:
        upper, lower = names[::-1] if second[0] >= first[-1] else names
        raise NotScorable(f"no {what} in common: the lowest of {upper} is above the highest of {lower}")
    areas = [float(_through(x, y, method).integrate(low, high)) for x, y in sides]
    return (areas[1] - areas[0]) / float(high - low)


def _through(x: Floats, y: Floats, method: Method) -> Any:
    from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

    return (PchipInterpolator if method == "pchip" else Akima1DInterpolator)(x, y)
