"""Two systems on the same utterances: a difference, its interval, and a test of whether it is worse.

All of it is over clusters (speakers, each with all of their utterances) and on pooled ratios; a mean is the case with
denominators of 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from codec_bench.stats import Clusters, Floats, effective_number, jackknife_error, per_cluster, t_quantile, t_tail

Side = tuple[Sequence[float], Sequence[float]] | Floats
"""Numerators and denominators per utterance."""


@dataclass(frozen=True)
class Paired:
    """The difference between two systems on the utterances that both have.

    Attributes:
        baseline: `scale * sum(numerators) / sum(denominators)` of the first system.
        candidate: The same of the second.
        error: Standard error of `difference`; NaN where there is but one cluster.
        low: Lower end of the interval of `difference`, to `high`; infinite where there is but one cluster.
        relative_low: Lower end of the interval of the difference over `|baseline|`; None if a baseline may be 0.
        p_higher: One-sided p-value against "the candidate is not higher".
        p_lower: The same against "the candidate is not lower".
        n: Utterances.
        clusters: Independent units.
        effective: How many units of equal size would say as much.
    """

    baseline: float
    candidate: float
    error: float
    low: float
    high: float
    relative_low: float | None
    relative_high: float | None
    p_higher: float
    p_lower: float
    n: int
    clusters: int
    effective: float

    @property
    def difference(self) -> float:
        """Candidate minus baseline, in the metric's unit."""
        return self.candidate - self.baseline

    @property
    def relative(self) -> float | None:
        """The difference over `|baseline|`, or None if that is 0."""
        return self.difference / abs(self.baseline) if self.baseline else None


def compare_paired(baseline: Side, candidate: Side, clusters: Clusters, *, scale: float = 1.0) -> Paired:
    """Compares two systems on the same utterances.

    The standard error of the difference is that of the jackknife over clusters; interval and test take it as t with
    `effective - 1` degrees of freedom (see `codec_bench.stats`). Where all clusters differ by the same, as counts of
    two speakers easily do, the error is that over utterances. Where all utterances differ by the same, there is none to
    divide by: p is then that of n coins that all fall on one side, so that it is never 0.

    Args:
        baseline: Numerators and denominators per utterance; denominators are positive, and 1 for a mean.
        candidate: The same, in the same order of utterances.
        clusters: Cluster of each utterance, by name or number.
        scale: 100 for percent.

    Raises:
        ValueError: No utterance, or sides of different length.

    >>> found = compare_paired(([1, 2, 3], [1, 1, 1]), ([2, 3, 5], [1, 1, 1]), ["a", "b", "c"])
    >>> round(found.difference, 3), round(found.p_higher, 3)  # t = 4 with 2 degrees of freedom
    (1.333, 0.029)
    """
    scores = np.asarray([*baseline, *candidate], np.float64)  # numerators and denominators of both sides, in turn
    sums = per_cluster(scores, clusters)
    before, after = (float(value) for value in scale * sums[::2].sum(axis=1) / sums[1::2].sum(axis=1))
    count, n, effective = sums.shape[1], len(clusters), effective_number(sums[1::2].sum(axis=0))
    error, reach = float("nan"), float("inf")
    relative_reach: float | None = None
    if count > 1:
        smallest = 1e-9 * max(abs(before), abs(after))  # nothing but rounding
        error = _error((sums, scores), scale, smallest)
        reach = t_quantile(effective) * error
        if before and np.all(_without_one(sums, scale)[0] != 0):
            relative_reach = t_quantile(effective) * _error(
                (sums, scores), scale, smallest / abs(before), relative=True
            )
    difference = after - before
    # What is equal on paper counts as equal.
    moved = difference if abs(difference) > 1e-9 * max(abs(before), abs(after)) else 0.0
    relative: tuple[float | None, float | None] = (None, None)
    if relative_reach is not None:
        middle = difference / abs(before)
        relative = (middle - relative_reach, middle + relative_reach)
    return Paired(
        baseline=before,
        candidate=after,
        error=error,
        low=difference - reach,
        high=difference + reach,
        relative_low=relative[0],
        relative_high=relative[1],
        p_higher=_p_above(moved, error, effective, n),
        p_lower=_p_above(-moved, error, effective, n),
        n=n,
        clusters=count,
        effective=effective,
    )


def _error(units: Iterable[Floats], scale: float, smallest: float, *, relative: bool = False) -> float:
    """Standard error of the difference over the first of these units (speakers, utterances) that shows more than none.

    With `relative`, of the difference over `|baseline|`.
    """
    error = 0.0
    for sums in units:
        before, after = _without_one(sums, scale)
        error = jackknife_error((after - before) / np.abs(before) if relative else after - before)
        if error > smallest:
            break
    return error


def _without_one(sums: Floats, scale: float) -> Floats:
    """The values of both sides without each of the units, `[2, units]`, of numerators and denominators in turn."""
    sums = sums[:, np.lexsort(sums)]  # sums of floats depend on their order; results must not
    tops, bottoms = scale * sums[::2], sums[1::2]
    values: Floats = (tops.sum(axis=1, keepdims=True) - tops) / (bottoms.sum(axis=1, keepdims=True) - bottoms)
    return values


def _p_above(difference: float, error: float, effective: float, n: int) -> float:
    """One-sided p-value against "not above zero"."""
    if math.isnan(error) or not difference:
        return 0.5 if error > 0 else 1.0
    if error <= 1e-9 * abs(difference):  # nothing but rounding
        return 2.0 ** -min(n, 1000) if difference > 0 else 1.0
    return max(t_tail(difference / error, effective), 2.0**-1000)
