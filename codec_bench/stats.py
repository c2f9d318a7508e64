"""From scores to a number with an interval: pooled ratios, and the t distribution over speakers.

Utterances of one speaker are alike, so the speaker is the independent unit, and everything here works on sums per
speaker ("cluster"). The standard error is that of the jackknife, which leaves out one speaker at a time (Miller 1974;
Cameron and Miller 2015 for few clusters); it is taken as `t` with `effective - 1` degrees of freedom, where `effective`
counts speakers as if all had equally much (Kish 1965). Nothing is drawn, hence no seed.
`benchmarks/simulated_statistics.py` measures how often such intervals hold the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Clusters = Sequence[str] | NDArray[np.int64]
"""The cluster of each utterance: its name, or its number in the order of the names."""

LEVEL = 0.95
"""Of all intervals."""

FEW_CLUSTERS = 10
"""Intervals over fewer speakers than this hold, but are so wide that users are told."""

Share = Literal["", "errors", "hits"]
"""What a pooled ratio is: a share of errors, a share of hits, or no share at all."""


@dataclass(frozen=True)
class Estimate:
    """A corpus value.

    Attributes:
        value: `scale * sum(numerators) / sum(denominators)`, or None if nothing was scored.
        low: Lower end of the interval, or None if fewer than two clusters were scored.
        high: Upper end.
        n: Utterances scored.
        expected: Utterances that should have been scored.
        clusters: Independent units (speakers) behind the interval.
        effective: How many units of equal size would say as much; see `effective_number`.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    expected: int
    clusters: int
    effective: float = 0.0


def estimate(
    numerators: Sequence[float] | Floats,
    denominators: Sequence[float] | Floats,
    clusters: Clusters,
    *,
    expected: int,
    scale: float = 1.0,
    share: Share = "",
    trainings: Sequence[float] = (),
) -> Estimate:
    """Pools scores and gives a 95 % interval over clusters; see `interval`.

    Args:
        numerators: Per scored utterance.
        denominators: Per scored utterance, all positive; 1 for a plain mean.
        clusters: Speaker (or utterance, where speakers are not known) of each, or its number among them.
        expected: Utterances that should have been scored.
        scale: 100 for percent.
        share: Whether the ratio is a share of errors or of hits.
        trainings: The ratio of each training alone, where scores of several are pooled; see `with_trainings`.

    >>> found = estimate([1, 2, 3], [1, 1, 1], ["a", "b", "c"], expected=4)
    >>> found.value, round(found.low, 3), round(found.high, 3)
    (2.0, -0.484, 4.484)
    """
    n = len(numerators)
    if n == 0:
        return Estimate(None, None, None, 0, expected, 0)
    top, bottom = per_cluster(np.asarray([numerators, denominators], np.float64), clusters)
    effective = effective_number(bottom)
    value = float(top.sum() / bottom.sum())
    if len(top) < 2:
        return Estimate(scale * value, None, None, n, expected, len(top), effective)
    if (share == "hits" and np.any(top > bottom)) or (share == "errors" and np.any(top < 0)):
        share = ""
    units = float(bottom.sum()) * effective / n
    error = jackknife_error((top.sum() - top) / (bottom.sum() - bottom))
    low, high = interval(value, *with_trainings(error, effective, trainings), share, units)
    if share == "errors" and np.all(np.asarray(numerators) <= np.asarray(denominators)):
        high = min(high, 1.0)  # of frames there are no more errors than frames; of words there may be
    return Estimate(scale * value, scale * low, scale * high, n, expected, len(top), effective)


def interval(
    value: float, error: float, effective: float, share: Share = "", units: float = 1.0
) -> tuple[float, float]:
    """The 95 % interval of a value with a standard error.

    A mean gets `value ± t * error`. An error rate gets the same on its logarithm, for its error grows with it and it
    cannot be negative. Where no error was seen, nothing but errors, or the same share in every cluster, there is no
    such error; it then has the ends of Clopper and Pearson (1934) for as many independent units. A share of hits is one
    minus that of errors.

    Args:
        value: Without a scale: 0.05 for 5 %.
        error: Its standard error.
        effective: Clusters behind it; see `effective_number`.
        share: What the value is a share of.
        units: Of how many independent units the value is a share, where clusters do not differ. The words of a speaker
            are not independent: each cluster counts with those of an average utterance.
    """
    if share == "hits":
        low, high = interval(1 - value, error, effective, "errors", units)
        return max(0.0, 1 - high), 1 - low  # of words there may be more errors than words, but no fewer hits than none
    reach = t_quantile(effective) * error
    if not share:
        return value - reach, value + reach
    if reach <= 1e-9 * value:  # nothing but rounding
        return exact_interval(value, max(units, 1.0))
    factor = float(np.exp(min(reach / value, 700.0)))
    # With two speakers and hardly any error the logarithm has no end to speak of; a rate has.
    return value / factor, min(value * factor, max(1.0, value + reach))


def exact_interval(value: float, units: float) -> tuple[float, float]:
    """The interval of Clopper and Pearson (1934) for a share of independent units, which need not be whole.

    >>> low, high = exact_interval(0.0, 20)
    >>> low, round(high, 4)
    (0.0, 0.1684)
    """
    from scipy.special import betaincinv

    tail = (1 - LEVEL) / 2
    share = min(value, 1.0)
    low = float(betaincinv(share * units, (1 - share) * units + 1, tail)) if share > 0 else 0.0
    high = float(betaincinv(share * units + 1, (1 - share) * units, 1 - tail)) if share < 1 else value
    return low, high


def with_trainings(error: float, effective: float, values: Sequence[float]) -> tuple[float, float]:
    """Adds the noise of training to the standard error over clusters, so that it speaks of trainings like these.

    Variances add up; degrees of freedom are those of Satterthwaite (1946), which are few where the noise of few
    trainings is most of it.

    Args:
        error: Standard error over clusters.
        effective: Clusters behind it.
        values: What each training alone gives; fewer than two add nothing.

    Returns:
        Standard error, and how many clusters would have as many degrees of freedom.
    """
    if len(values) < 2:
        return error, effective
    more = float(np.std(values, ddof=1)) / len(values) ** 0.5
    total = float(np.hypot(error, more))
    if total == 0:
        return error, effective
    return total, 1 + total**4 / (error**4 / degrees_of_freedom(effective) + more**4 / (len(values) - 1))


def share_of(unit: str, better: str) -> Share:
    """What a value in this unit is a share of: what is in percent is one of errors, or of hits if more is better.

    >>> share_of("%", "lower"), share_of("%", "higher"), share_of("dB", "higher")
    ('errors', 'hits', '')
    """
    kinds: dict[str, Share] = {"lower": "errors", "higher": "hits"}
    return kinds.get(better, "") if unit == "%" else ""


def per_cluster(columns: Sequence[Sequence[float]] | Floats, clusters: Clusters) -> Floats:
    """Sums per cluster, `[columns, clusters]`; the same to the last bit whatever the order of utterances.

    Raises:
        ValueError: No utterance, or columns of another length.
    """
    values = np.asarray(columns, np.float64)
    if not len(clusters) or values.shape[1] != len(clusters):
        raise ValueError(f"{values.shape[1]} scores for {len(clusters)} utterances")
    are_numbers = isinstance(clusters, np.ndarray) and clusters.dtype.kind == "i"  # which are found ten times as fast
    names, index = np.unique(clusters if are_numbers else np.asarray(clusters, dtype=str), return_inverse=True)
    order = np.lexsort((*values, index))  # sums of floats depend on their order; results must not
    return np.stack([np.bincount(index[order], weights=column[order], minlength=len(names)) for column in values])


def jackknife_error(without_one: Floats) -> float:
    """Standard error of a statistic, from its values without each of the clusters, `[clusters]`."""
    count = len(without_one)
    return float(np.sqrt((count - 1) / count * np.sum((without_one - without_one.mean()) ** 2)))


def effective_number(sizes: Sequence[float] | Floats) -> float:
    """How many clusters of equal size tell as much as these: `sum(sizes)² / sum(sizes²)`.

    >>> effective_number([10, 10, 10]), effective_number([28, 1, 1])
    (3.0, 1.1450381679389312)
    """
    weights = np.asarray(sizes, np.float64)
    return float(weights.sum() ** 2 / np.sum(weights**2))


def degrees_of_freedom(effective: float) -> float:
    """Of the t distribution; at least 1, which holds for two clusters of whatever sizes."""
    return max(effective - 1, 1.0)


def t_quantile(effective: float, level: float = LEVEL) -> float:
    """How many standard errors an interval reaches to either side.

    >>> round(t_quantile(11), 3)
    2.228
    """
    from scipy.special import stdtrit  # scipy.stats takes half a second to import

    return float(stdtrit(degrees_of_freedom(effective), (1 + level) / 2))


def t_tail(ratio: float, effective: float) -> float:
    """Chance of a value of `t` of at least `ratio`.

    >>> round(t_tail(2.228, 11), 3)
    0.025
    """
    from scipy.special import stdtr

    return float(stdtr(degrees_of_freedom(effective), -ratio))


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


def cluster_unit(speakers: Sequence[str | None]) -> str:
    """What is independent: `speakers` where two or more are known, otherwise `utterances`.

    An interval over utterances speaks about these speakers only, which is what can be said of one.

    >>> cluster_unit(["ann", "bob", None]), cluster_unit(["ann", "ann"])
    ('speakers', 'utterances')
    """
    return "speakers" if len({s for s in speakers if s}) >= 2 else "utterances"


def cluster_names(utterances: Sequence[str], speakers: Sequence[str | None]) -> list[str]:
    """The cluster of each utterance; an utterance whose speaker is not known is a cluster of its own.

    >>> cluster_names(["u1", "u2", "u3"], ["ann", "ann", None])
    ['utterance:u1', 'utterance:u2', 'utterance:u3']
    """
    by_speaker = cluster_unit(speakers) == "speakers"
    pairs = zip(utterances, speakers, strict=True)
    return [f"speaker:{s}" if s and by_speaker else f"utterance:{u}" for u, s in pairs]
