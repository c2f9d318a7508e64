"""Numbers of a listening test: opinion with an interval over listeners, and what ABX answers say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True)
class Opinion:
    """What listeners say of one system.

    Attributes:
        mean: Mean over listeners of each one's mean over items.
        low: Lower end of the interval to `high`; both are None with fewer than two listeners.
        median: Over all ratings; so are the first and third quartile.
    """

    mean: float
    low: float | None
    high: float | None
    median: float
    quartiles: tuple[float, float]
    listeners: int
    items: int
    ratings: int


def opinion(scores: Sequence[float], listeners: Sequence[str], items: Sequence[str]) -> Opinion:
    """Mean and 95 % interval of one system.

    BS.1534-3 gives the interval of Student's t over assessors. Ratings of one listener are not independent, so each
    listener is one observation: their mean over the items. Where all rated all items, the mean is that of all ratings.
    The interval is not cut at 0 and 100. Median and quartiles are what the Recommendation shows besides, since ratings
    near the ends of the scale are not normal.

    Scores are 0 to 100, at least one; `listeners` and `items` say who gave each about which utterance.

    >>> found = opinion([40, 60, 50, 70], ["ann", "ann", "bob", "bob"], ["1", "2", "1", "2"])
    >>> found.mean, found.listeners, found.ratings
    (55.0, 2, 4)
    """
    from scipy.stats import t

    by_listener: dict[str, list[float]] = defaultdict(list)
    for score, listener in zip(scores, listeners, strict=True):
        by_listener[listener].append(score)
    means = np.array([np.mean(by_listener[name]) for name in sorted(by_listener)])
    mean, low, high = float(means.mean()), None, None
    if len(means) > 1:
        half = float(t.ppf((1 + LEVEL) / 2, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means)))
        low, high = mean - half, mean + half
    first, median, third = (float(q) for q in np.percentile(np.asarray(scores, float), [25, 50, 75]))
    return Opinion(mean, low, high, median, (first, third), len(means), len(set(items)), len(scores))


@dataclass(frozen=True)
class Discrimination:
    """How well listeners tell the two of a pair apart.

    Attributes:
        share: Right answers out of those that were given; 0.5 is guessing.
        low: Lower end of Wilson's interval to `high`.
        p_value: One-sided, against guessing: the probability of at least this many right answers.
        answers: Right and wrong ones.
        undecided: Answers that are neither; they count for nothing.
    """

    share: float | None
    low: float | None
    high: float | None
    p_value: float | None
    right: int
    answers: int
    undecided: int
    listeners: int
    items: int


def discrimination(answers: Sequence[str], listeners: Sequence[str], items: Sequence[str]) -> Discrimination:
    """Exact binomial test and Wilson's interval over the answers of one pair.

    Both take answers as independent. Several answers of one listener are not quite, so the interval is too narrow
    where few listeners gave many answers each.

    Answers are `correct`, `incorrect` or `undecided`; `listeners` and `items` say who gave each about which utterance.

    >>> found = discrimination(["correct"] * 12 + ["incorrect"] * 4, ["ann"] * 16, ["1"] * 16)
    >>> found.share, round(found.p_value, 5)
    (0.75, 0.03841)
    """
    from scipy.stats import binomtest

    right, wrong = answers.count("correct"), answers.count("incorrect")
    counts = (right, right + wrong, len(answers) - right - wrong, len(set(listeners)), len(set(items)))
    if not right + wrong:
        return Discrimination(None, None, None, None, *counts)
    test = binomtest(right, right + wrong, 0.5, alternative="greater")
    # The interval is two-sided whatever the test is.
    interval = binomtest(right, right + wrong).proportion_ci(LEVEL, method="wilson")
    share = right / (right + wrong)
    return Discrimination(share, float(interval.low), float(interval.high), float(test.pvalue), *counts)
