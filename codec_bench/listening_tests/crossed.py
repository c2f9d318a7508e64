"""How far a mean of answers is known where people and utterances are both drawn from many: crossed random effects.

A listener is lenient on every item, and an item is easy for every listener; other people and other sentences would
have given another mean. An answer is `mean + listener + item + rest`, each with a variance of its own, and the variance
of a mean over `L` listeners and `I` items that all meet is `listener/L + item/I + rest/(L I)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from codec_bench.stats import Floats, t_quantile, t_tail

_NOTHING = 1e-9
"""Below this share of what it is compared with, a number is a rounding error."""


@dataclass(frozen=True)
class Candidate:
    """One way to know a mean.

    Attributes:
        unit: What is drawn: `listeners`, `items`, or `listeners and items`.
        variance: Of the mean.
        effective: How many of equal weight would tell as much: the degrees of freedom of Student's t, and one.
    """

    unit: str
    variance: float
    effective: float

    @property
    def half_width(self) -> float:
        """Half the length of the interval."""
        return t_quantile(self.effective) * math.sqrt(self.variance)

    def p_value(self, mean: float) -> float:
        """Two-sided, against a mean of 0."""
        return 2 * t_tail(abs(mean) / math.sqrt(self.variance), self.effective)


@dataclass(frozen=True)
class Spread:
    """A mean and what is known of its error.

    Attributes:
        mean: The weighted mean.
        components: Variances of listeners, items and the rest; none is negative. None if the answers do not tell them
            apart, as where everybody heard items of their own.
        candidates: Ways to know the mean, of which the widest holds. Empty if nothing was drawn twice, or if all
            answers are the same, so that nothing says by how much others would differ.
        units: What there are two or more of: `listeners`, `items`. A mean says nothing about others of what there is
            one of.
    """

    mean: float
    components: tuple[float, float, float] | None
    candidates: tuple[Candidate, ...]
    units: tuple[str, ...]

    @cached_property
    def widest(self) -> Candidate | None:
        """The candidate that holds."""
        return max(self.candidates, key=lambda found: found.half_width, default=None)

    @property
    def half_width(self) -> float | None:
        """Half the length of the interval; None if there is none."""
        return None if self.widest is None else self.widest.half_width

    @property
    def p_value(self) -> float | None:
        """Two-sided, against a mean of 0; None if there is none."""
        return max((found.p_value(self.mean) for found in self.candidates), default=None)


def spread(
    values: Sequence[float], listeners: Sequence[str], items: Sequence[str], weights: Sequence[float] | None = None
) -> Spread:
    """The mean of one value per listener and item, not each of which need have met.

    Variances come from the analysis of variance in which listeners are adjusted for items and items for listeners
    (Henderson's third method; Searle, Casella & McCulloch, *Variance Components*, 1992, section 5.5), which is the
    usual two-way table where everybody rated everything. One that comes out negative is 0. The degrees of freedom are
    Satterthwaite's (1946). As they forget how little two or three people say about people, the interval is never
    narrower than that of Student's t over listeners alone, or over items alone.

    Args:
        values: One per listener and item that met; at least one.
        listeners: Who gave each.
        items: About what.
        weights: Of each value, positive; by default such that each listener counts once.

    >>> found = spread([40, 62, 50, 70], ["ann", "ann", "bob", "bob"], ["1", "2", "1", "2"])
    >>> found.mean, found.units
    (55.5, ('listeners', 'items'))
    """
    table = _Table.of(values, listeners, items, weights)
    drawn = {"listeners": table.listener, "items": table.item}
    units = tuple(name for name, index in drawn.items() if index.max() > 0)
    if np.ptp(table.values) <= _NOTHING * max(1.0, float(np.abs(table.values).max())):
        return Spread(table.mean, None, (), units)
    alone = [Candidate(name, *table.over(drawn[name])) for name in units]
    candidates = [found for found in alone if found.variance > 0]
    both = table.both() if len(units) == 2 else None
    if both is None:
        return Spread(table.mean, None, tuple(candidates), units)
    components, candidate = both
    return Spread(table.mean, components, (*candidates, candidate), units)


@dataclass(frozen=True)
class _Table:
    """Values with the numbers of their listeners and items, and weights that add up to 1."""

    values: Floats
    listener: NDArray[np.intp]
    item: NDArray[np.intp]
    weights: Floats

    @classmethod
    def of(
        cls, values: Sequence[float], listeners: Sequence[str], items: Sequence[str], weights: Sequence[float] | None
    ) -> _Table:
        _, listener = np.unique(np.asarray(listeners, dtype=str), return_inverse=True)
        _, item = np.unique(np.asarray(items, dtype=str), return_inverse=True)
        order = np.lexsort((item, listener))  # sums of floats depend on their order; results must not
        given = 1 / np.bincount(listener)[listener] if weights is None else np.asarray(weights, np.float64)
        return cls(np.asarray(values, np.float64)[order], listener[order], item[order], (given / given.sum())[order])

    @cached_property
    def mean(self) -> float:
        first = float(self.values[0])  # what all agree on is met exactly
        return first + float(self.weights @ (self.values - first))

    def over(self, index: NDArray[np.intp]) -> tuple[float, float]:
        """Variance and effective number where listeners, or items, are what is drawn, each with all of its values."""
        sums = np.bincount(index, weights=self.weights * (self.values - self.mean))
        return float(len(sums) / (len(sums) - 1) * (sums @ sums)), float(len(sums))

    def both(self) -> tuple[tuple[float, float, float], Candidate] | None:
        """Variances of listeners, items and the rest, and what follows for the mean; None if they cannot be had."""
        met = np.zeros((self.listener.max() + 1, self.item.max() + 1))
        met[self.listener, self.item] = 1
        of_listener, of_item = met.sum(axis=1), met.sum(axis=0)
        residual, item_df = self._fit(met)
        listener_df = len(of_listener) + item_df - len(of_item)
        df = np.array([listener_df, item_df, len(self.values) - len(of_listener) - item_df])
        if df.min() < 1:
            return None
        rest = float(residual @ residual)
        # What each explains beyond the other, and how often its variance is in that.
        explained = np.array([_within(self.values, self.item) - rest, _within(self.values, self.listener) - rest, rest])
        squares = np.maximum(explained, 0) / df
        times = np.array([np.sum(of_listener - (met**2 / of_item).sum(axis=1)), 0.0]) / df[:2]
        times[1] = np.sum(of_item - (met.T**2 / of_listener).sum(axis=1)) / df[1]
        components = np.append(np.maximum(squares[:2] - squares[2], 0) / times, squares[2])
        # In the mean; as a sum of mean squares, which are nearly independent, for Satterthwaite.
        shares = [np.bincount(index, weights=self.weights) for index in (self.listener, self.item)]
        factors = np.array([*(share @ share for share in shares), self.weights @ self.weights])
        parts = np.where(components[:2] > 0, factors[:2] / times, 0)
        terms = np.append(parts, factors[2] - parts.sum()) * squares
        variance = float(factors @ components)
        freedom = variance**2 / float(np.sum(terms**2 / df))
        found = (float(components[0]), float(components[1]), float(components[2]))
        return found, Candidate("listeners and items", variance, 1 + max(freedom, float(df[:2].min())))

    def _fit(self, met: Floats) -> tuple[Floats, int]:
        """What is left by least squares over listeners and items, and the degrees of freedom of items beyond listeners.

        Listeners are eliminated first, so that the equations are as many as items.
        """
        of_listener = met.sum(axis=1)
        left = self.values - (np.bincount(self.listener, weights=self.values) / of_listener)[self.listener]
        system = np.diag(met.sum(axis=0)) - met.T @ (met / of_listener[:, None])
        roots, vectors = np.linalg.eigh(system)
        kept = roots > _NOTHING * max(1.0, roots.max())
        basis = vectors[:, kept] / np.sqrt(roots[kept])
        effects = basis @ (basis.T @ np.bincount(self.item, weights=left))
        return left - effects[self.item] + ((met @ effects) / of_listener)[self.listener], int(kept.sum())


def _within(values: Floats, index: NDArray[np.intp]) -> float:
    """Sum of squares around the means of the groups."""
    left = values - (np.bincount(index, weights=values) / np.bincount(index))[index]
    return float(left @ left)
