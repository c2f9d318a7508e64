"""Two systems on the same utterances: a difference, its interval, and a test of whether it is worse.

Both work on clusters (speakers, each with all of their utterances) and on pooled ratios; a mean is the case
with denominators of 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from codec_bench.stats import LEVEL, Floats, draws

RESAMPLES = 5000
PERMUTATIONS = 9999
MAX_EXACT_CLUSTERS = 13
"""Up to here all 2^k swaps are tried, which are no more than the draws would be."""

MIN_SPEAKERS = 10
"""Speakers are the unit from here on. With fewer, the exact test has too few swaps (2^k) to find anything once it is
corrected for several metrics, and percentile intervals are too narrow; then the unit is the utterance, and the result
speaks about these speakers only."""

_CELLS = 4_000_000


@dataclass(frozen=True)
class Paired:
    """The difference between two systems on the utterances that both have.

    Attributes:
        baseline: `scale * sum(numerators) / sum(denominators)` of the first system.
        candidate: The same of the second.
        low: Lower end of the percentile interval of `difference`, to `high`.
        relative_low: Lower end of the interval of the difference over `|baseline|`; None if a baseline may be 0.
        p_higher: One-sided p-value of the swap test against "the candidate is not higher".
        p_lower: The same against "the candidate is not lower".
        n: Utterances.
        clusters: Independent units.
        smallest_p: The smallest p-value that the test can give with this number of clusters.
    """

    baseline: float
    candidate: float
    low: float
    high: float
    relative_low: float | None
    relative_high: float | None
    p_higher: float
    p_lower: float
    n: int
    clusters: int
    smallest_p: float

    @property
    def difference(self) -> float:
        """Candidate minus baseline, in the metric's unit."""
        return self.candidate - self.baseline

    @property
    def relative(self) -> float | None:
        """The difference over `|baseline|`, or None if that is 0."""
        return self.difference / abs(self.baseline) if self.baseline else None


def compare_paired(
    baseline: tuple[Sequence[float], Sequence[float]],
    candidate: tuple[Sequence[float], Sequence[float]],
    clusters: Sequence[str],
    *,
    scale: float = 1.0,
    seed: int = 0,
    resamples: int = RESAMPLES,
    permutations: int = PERMUTATIONS,
    level: float = LEVEL,
) -> Paired:
    """Compares two systems on the same utterances.

    The interval is a percentile bootstrap that draws clusters with replacement, the same ones for both systems. The
    test swaps the two systems within clusters: where they are equally good, either could have made either result. With
    few clusters all swaps are tried; otherwise they are drawn, and the observed one counts as one of them (Phipson &
    Smyth 2010), so that p is never 0.

    Args:
        baseline: Numerators and denominators per utterance; denominators are positive, and 1 for a mean.
        candidate: The same, in the same order of utterances.
        clusters: Cluster of each utterance.
        scale: 100 for percent.
        seed: Seeds the bootstrap and the swaps; nothing else affects results, not even the order of utterances.
        resamples: Draws of the bootstrap.
        permutations: Draws of swaps, where not all are tried.
        level: Coverage of the interval.

    Raises:
        ValueError: No utterance, or sides of different length.

    >>> compare_paired(([1, 2, 3], [1, 1, 1]), ([2, 3, 4], [1, 1, 1]), ["a", "b", "c"]).p_higher  # 1 of 8 swaps
    0.125
    """
    sides = _per_cluster(baseline, candidate, clusters)
    numerators, denominators = sides[:2], sides[2:]  # [2, clusters] each: baseline, candidate
    count = sides.shape[1]
    values = scale * numerators.sum(axis=1) / denominators.sum(axis=1)
    resampled = np.concatenate(
        [scale * (w @ numerators.T) / (w @ denominators.T) for w in _chunks(draws(count, seed, resamples))]
    )  # [resamples, 2]
    swapped = np.concatenate(
        [_swapped(w, numerators, denominators, scale) for w in _chunks(_swaps(count, seed, permutations))]
    )
    low, high = _ends(resampled[:, 1] - resampled[:, 0], level)
    relative_low, relative_high = None, None
    if np.all(resampled[:, 0] != 0):
        relative_low, relative_high = _ends((resampled[:, 1] - resampled[:, 0]) / np.abs(resampled[:, 0]), level)
    # Sums of floats depend on their order: what is equal on paper counts as equal.
    difference = values[1] - values[0]
    slack = 1e-9 * max(abs(values[0]), abs(values[1]), abs(difference))
    observed = 0 if count <= MAX_EXACT_CLUSTERS else 1  # all swaps hold the observed one already, drawn ones may not
    p_higher, p_lower = (
        float((np.count_nonzero(sign * swapped >= sign * difference - slack) + observed) / (len(swapped) + observed))
        for sign in (1, -1)
    )
    return Paired(
        baseline=float(values[0]),
        candidate=float(values[1]),
        low=low,
        high=high,
        relative_low=relative_low,
        relative_high=relative_high,
        p_higher=p_higher,
        p_lower=p_lower,
        n=len(clusters),
        clusters=count,
        smallest_p=1 / (len(swapped) + observed),
    )


def _ends(differences: Floats, level: float) -> tuple[float, float]:
    """Ends of the percentile interval."""
    low, high = np.percentile(differences, [50 * (1 - level), 100 - 50 * (1 - level)])
    return float(low), float(high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979): the chance of any false alarm among all tests stays below alpha.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def _per_cluster(
    baseline: tuple[Sequence[float], Sequence[float]],
    candidate: tuple[Sequence[float], Sequence[float]],
    clusters: Sequence[str],
) -> Floats:
    """Sums per cluster, `[4, clusters]`: numerators of both sides, then denominators."""
    columns = np.asarray([baseline[0], candidate[0], baseline[1], candidate[1]], np.float64)
    if not len(clusters) or columns.shape[1] != len(clusters):
        raise ValueError(f"{columns.shape[1]} scores for {len(clusters)} utterances")
    names, index = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    order = np.lexsort((*columns, index))  # sums of floats depend on their order; results must not
    return np.stack([np.bincount(index[order], weights=column[order], minlength=len(names)) for column in columns])


def _swapped(swaps: Floats, numerators: Floats, denominators: Floats, scale: float) -> Floats:
    """Differences once the two sides are swapped in the clusters marked 1, `[swaps]`."""
    top, bottom = (swaps @ (part[1] - part[0]) for part in (numerators, denominators))
    first = (numerators[0].sum() + top) / (denominators[0].sum() + bottom)
    second = (numerators[1].sum() - top) / (denominators[1].sum() - bottom)
    return np.asarray(scale * (second - first), np.float64)


@lru_cache(maxsize=4)
def _swaps(clusters: int, seed: int, permutations: int) -> NDArray[np.uint16]:
    """Which clusters are swapped, `[swaps, clusters]` of 0 and 1: all ways, or the given number."""
    if clusters <= MAX_EXACT_CLUSTERS:
        return ((np.arange(2**clusters)[:, None] >> np.arange(clusters)) & 1).astype(np.uint16)
    generator = np.random.default_rng([seed, clusters, permutations, 1])
    return generator.integers(0, 2, size=(permutations, clusters), dtype=np.uint16)


def _chunks(weights: NDArray[np.uint16]) -> Iterator[Floats]:
    """Rows as floats, a few million at a time, so that large data sets fit the memory."""
    step = max(1, _CELLS // weights.shape[1])
    for start in range(0, len(weights), step):
        yield weights[start : start + step].astype(np.float64)
