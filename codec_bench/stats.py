"""From scores to a number with an interval: pooled ratios and a bootstrap over speakers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVEL = 0.95
RESAMPLES = 2000
MIN_CLUSTERS = 5
"""Fewer clusters than this give no interval."""

MANY_CLUSTERS = 10_000
"""Draws of more clusters than this are not kept: those of 100,000 utterances of unknown speakers would take 1.6 GB."""


@dataclass(frozen=True)
class Estimate:
    """A corpus value.

    Attributes:
        value: `scale * sum(numerators) / sum(denominators)`, or None if nothing was scored.
        low: Lower end of the interval, or None if fewer than `MIN_CLUSTERS` clusters were scored.
        high: Upper end.
        n: Utterances scored.
        expected: Utterances that should have been scored.
        clusters: Independent units (speakers) behind the interval.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    expected: int
    clusters: int

    @property
    def half_width(self) -> float | None:
        """Half the length of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def estimate(
    numerators: Sequence[float],
    denominators: Sequence[float],
    clusters: Sequence[str],
    *,
    expected: int,
    scale: float = 1.0,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Pools scores and gives a percentile bootstrap interval, resampling whole clusters.

    Utterances of one speaker are not independent, so speakers are drawn with replacement, each with all of their
    utterances (Bisani & Ney 2004 draw segments in the same way for WER). The draws depend on the seed and the number
    of clusters alone: systems scored on the same speakers see the same draws, whatever the order or the worker count.

    Args:
        numerators: Per scored utterance.
        denominators: Per scored utterance, all positive; 1 for a plain mean.
        clusters: Speaker (or utterance, where speakers are not known) of each.
        expected: Utterances that should have been scored.
        scale: 100 for percent.
        seed: Seed of the bootstrap.
        resamples: Number of draws.

    >>> estimate([1, 2, 3], [1, 1, 1], ["a", "b", "c"], expected=4).value
    2.0
    """
    n = len(numerators)
    if n == 0:
        return Estimate(None, None, None, 0, expected, 0)
    names, index = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    tops, bottoms = np.asarray(numerators, float), np.asarray(denominators, float)
    order = np.lexsort((bottoms, tops, index))  # sums of floats depend on their order; results must not
    top = np.bincount(index[order], weights=tops[order], minlength=len(names))
    bottom = np.bincount(index[order], weights=bottoms[order], minlength=len(names))
    value = scale * float(top.sum() / bottom.sum())
    if len(names) < MIN_CLUSTERS:
        return Estimate(value, None, None, n, expected, len(names))
    ratios = scale * _resampled(top.astype(np.float64), bottom.astype(np.float64), seed, resamples)
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(ratios, [tail, 100 - tail])
    return Estimate(value, float(low), float(high), n, expected, len(names))


@lru_cache(maxsize=8)
def draws(clusters: int, seed: int, resamples: int = RESAMPLES) -> NDArray[np.uint16]:
    """How often each cluster is drawn, `[resamples, clusters]`; the same for the same arguments."""
    generator = np.random.default_rng([seed, clusters, resamples])
    return generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=resamples).astype(np.uint16)


@lru_cache(maxsize=8)
def _weights(clusters: int, seed: int, resamples: int) -> NDArray[np.float64]:
    """`draws` as floats, which multiply without being converted each time."""
    return draws(clusters, seed, resamples).astype(np.float64)


def _resampled(top: NDArray[np.float64], bottom: NDArray[np.float64], seed: int, resamples: int) -> NDArray[np.float64]:
    """The pooled ratio of each draw, without its scale."""
    clusters = len(top)
    if clusters <= MANY_CLUSTERS:
        weights = _weights(clusters, seed, resamples)
        ratios: NDArray[np.float64] = (weights @ top) / (weights @ bottom)
        return ratios
    generator = np.random.default_rng([seed, clusters, resamples])
    shares, ratios = np.full(clusters, 1 / clusters), np.empty(resamples)
    for draw in range(resamples):  # the very draws of `draws`, one at a time
        drawn = generator.multinomial(clusters, shares).astype(np.float64)
        ratios[draw] = (drawn @ top) / (drawn @ bottom)
    return ratios


def cluster_unit(speakers: Sequence[str | None]) -> str:
    """What the bootstrap draws: `speakers`, or `utterances` where there are too few speakers to draw from.

    With a handful of clusters a bootstrap interval is far too narrow. An interval over utterances then speaks about
    these speakers only, which is what can be said.

    >>> cluster_unit(["ann", "bob", "cid", "dan", "eve"]), cluster_unit(["ann", "bob", None])
    ('speakers', 'utterances')
    """
    return "speakers" if len({s for s in speakers if s}) >= MIN_CLUSTERS else "utterances"


def cluster_names(utterances: Sequence[str], speakers: Sequence[str | None]) -> list[str]:
    """The cluster of each utterance; an utterance whose speaker is not known is a cluster of its own.

    >>> cluster_names(["u1", "u2"], ["ann", "ann"])
    ['utterance:u1', 'utterance:u2']
    """
    by_speaker = cluster_unit(speakers) == "speakers"
    pairs = zip(utterances, speakers, strict=True)
    return [f"speaker:{s}" if s and by_speaker else f"utterance:{u}" for u, s in pairs]
