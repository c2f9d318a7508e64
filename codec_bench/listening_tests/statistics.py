"""Numbers of a listening test: opinions, their differences, and what ABX answers say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from codec_bench.listening_tests.crossed import Spread, spread
from codec_bench.stats import exact_interval, holm, t_quantile

BOTH = ("listeners", "items")

Place = tuple[str, str]
"""A listener and an item."""


@dataclass(frozen=True)
class Opinion:
    """What listeners say of one system.

    Attributes:
        mean: Mean over listeners of each one's mean over items.
        low: Lower end of the interval to `high`; both are None with fewer than two listeners or two items, and where
            all ratings are equal.
        effective: How many independent ratings would tell as much, which are the degrees of freedom and one; 0 without.
        variances: Of listeners, of items and of the rest; None where the ratings do not tell them apart.
        median: Over all ratings; so are the first and third quartile.
    """

    mean: float
    low: float | None
    high: float | None
    effective: float
    variances: tuple[float, float, float] | None
    median: float
    quartiles: tuple[float, float]
    listeners: int
    items: int
    ratings: int


def opinion(scores: Sequence[float], listeners: Sequence[str], items: Sequence[str]) -> Opinion:
    """Mean and 95 % interval of one system.

    The test has drawn its listeners and its items, and the interval says what others of both would have given:
    `crossed.spread`. BS.1534-3 shows one over assessors, which is about these items only. Each listener counts once,
    with their mean over the items; where all rated all items, the mean is that of all ratings. The interval is not cut
    at 0 and 100. Median and quartiles are what the Recommendation shows besides, since ratings near the ends of the
    scale are not normal.

    Scores are 0 to 100, at least one; `listeners` and `items` say who gave each about which utterance.

    >>> found = opinion([40, 60, 50, 70], ["ann", "ann", "bob", "bob"], ["1", "2", "1", "2"])
    >>> found.mean, found.listeners, found.ratings
    (55.0, 2, 4)
    """
    found = _spread_of(_by_place(scores, listeners, items))
    first, median, third = (float(q) for q in np.percentile(np.asarray(scores, float), [25, 50, 75]))
    counts = (len(set(listeners)), len(set(items)), len(scores))
    low, high = _ends(found)
    effective = 0.0 if low is None or found.widest is None else found.widest.effective
    return Opinion(found.mean, low, high, effective, found.components, median, (first, third), *counts)


@dataclass(frozen=True)
class Difference:
    """Two systems rated by the same listeners on the same items.

    Attributes:
        first: Label of a system, and `second` of another one.
        mean: Of the first minus the second; None if nobody rated both on one item.
        low: Lower end of the interval to `high`, as of `Opinion`.
        p_value: Two-sided, against no difference; None where there is no interval.
        p_holm: The same after Holm's correction for all pairs that have one.
        pairs: Ratings of both by one listener on one item.
    """

    first: str
    second: str
    mean: float | None
    low: float | None
    high: float | None
    p_value: float | None
    p_holm: float | None
    listeners: int
    items: int
    pairs: int


def differences(scores: Mapping[str, Mapping[Place, float]]) -> list[Difference]:
    """Every pair of systems, by the rule of `opinion` for the differences of listeners' ratings on items.

    Who is lenient is so to both systems, and so is an item that is easy: what is left of either in a difference is far
    less than in the two opinions, whose intervals may overlap where the difference is beyond doubt.

    Args:
        scores: By label of the system, then by listener and item, from 0 to 100.

    >>> ratings = {"a": {("ann", "1"): 60.0, ("bob", "1"): 52.0}, "b": {("ann", "1"): 50.0, ("bob", "1"): 40.0}}
    >>> [(found.first, found.second, found.mean) for found in differences(ratings)]
    [('a', 'b', 11.0)]
    """
    found = [_difference(first, second, scores) for first, second in combinations(scores, 2)]
    corrected = holm_where([each.p_value for each in found])
    return [replace(each, p_holm=p) for each, p in zip(found, corrected, strict=True)]


def holm_where(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's correction for as many tests as there were.

    >>> holm_where([0.01, None, 0.2])
    [0.02, None, 0.2]
    """
    corrected = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(corrected) for p in p_values]


def _difference(first: str, second: str, scores: Mapping[str, Mapping[Place, float]]) -> Difference:
    places = scores[first].keys() & scores[second].keys()
    if not places:
        return Difference(first, second, None, None, None, None, None, 0, 0, 0)
    found = _spread_of({place: scores[first][place] - scores[second][place] for place in places})
    counts = (len({listener for listener, _ in places}), len({item for _, item in places}), len(places))
    p_value = found.p_value if found.units == BOTH else None
    return Difference(first, second, found.mean, *_ends(found), p_value, None, *counts)


def _by_place(scores: Sequence[float], listeners: Sequence[str], items: Sequence[str]) -> dict[Place, float]:
    """Means where a listener met an item more than once."""
    found: dict[Place, list[float]] = defaultdict(list)
    for score, *place in zip(scores, listeners, items, strict=True):
        found[place[0], place[1]].append(score)
    return {place: float(np.mean(own)) for place, own in found.items()}


def _spread_of(scores: Mapping[Place, float]) -> Spread:
    listeners, items = zip(*scores, strict=True)
    return spread(list(scores.values()), listeners, items)


def _ends(found: Spread) -> tuple[float | None, float | None]:
    """The interval, if there are others of both to speak of."""
    if found.half_width is None or found.units != BOTH:
        return None, None
    return found.mean - found.half_width, found.mean + found.half_width


@dataclass(frozen=True)
class Discrimination:
    """How well listeners tell the two of a pair apart.

    Attributes:
        share: Right answers out of those that were given; 0.5 is guessing.
        low: Lower end of the interval to `high`; both are None if one listener answered about one item.
        drawn: Of what the interval holds for others too: `listeners`, `items`. It is about this listener alone, or this
            item alone, where there is one.
        effective: As many independent answers would tell as much.
        p_value: One-sided, against guessing: the probability of at least this many right answers.
        answers: Right and wrong ones.
        undecided: Answers that are neither; they count for nothing.
    """

    share: float | None
    low: float | None
    high: float | None
    drawn: tuple[str, ...]
    effective: float | None
    p_value: float | None
    right: int
    answers: int
    undecided: int
    listeners: int
    items: int


def discrimination(answers: Sequence[str], listeners: Sequence[str], items: Sequence[str]) -> Discrimination:
    """Exact binomial test against guessing, and an interval of the share of right answers of one pair.

    Whoever guesses answers at random each time, so the test may count all answers of few people. The interval may not:
    people hear differently well. It is that of Clopper and Pearson for the effective number of answers (Korn &
    Graubard 1998, *Survey Methodology* 24), those that would tell as much if each came from another listener about
    another item, by `crossed.spread`. Where all answers are right, or all wrong, nothing says how much people differ:
    then there are as many as listeners, or as items if they are fewer, which holds however much they do.

    Answers are `correct`, `incorrect` or `undecided`; `listeners` and `items` say who gave each about which utterance.

    >>> found = discrimination(["correct"] * 12 + ["incorrect"] * 4, ["ann"] * 16, [*"abcdefghijklmnop"])
    >>> found.share, round(found.p_value, 5), found.drawn
    (0.75, 0.03841, ('items',))
    """
    from scipy.stats import binomtest

    right, wrong = answers.count("correct"), answers.count("incorrect")
    counts = (right, right + wrong, len(answers) - right - wrong, len(set(listeners)), len(set(items)))
    if not right + wrong:
        return Discrimination(None, None, None, (), None, None, *counts)
    test = binomtest(right, right + wrong, 0.5, alternative="greater")
    given = [
        (float(answer == "correct"), listener, item)
        for answer, listener, item in zip(answers, listeners, items, strict=True)
        if answer != "undecided"
    ]
    share = right / (right + wrong)
    effective, drawn = _effective(share, *(list(column) for column in zip(*given, strict=True)))
    low, high = (None, None) if effective is None else exact_interval(share, effective)
    return Discrimination(share, low, high, drawn, effective, float(test.pvalue), *counts)


def _effective(
    share: float, right: list[float], listeners: list[str], items: list[str]
) -> tuple[float | None, tuple[str, ...]]:
    """The effective number of answers, and of what others it speaks."""
    cells = _by_place(right, listeners, items)
    given = Counter(zip(listeners, items, strict=True))
    people, about = zip(*cells, strict=True)
    found = spread(list(cells.values()), people, about, [given[place] for place in cells])
    if not found.units:
        return None, found.units
    if found.half_width is None:
        return float(min(len(set(drawn)) for drawn in (people, about) if len(set(drawn)) > 1)), found.units
    independent = share * (1 - share) * (t_quantile(len(right)) / found.half_width) ** 2
    return float(min(independent, len(right))), found.units
