"""Who is better than whom: the paired tests of all pairs of systems, and what follows for their order.

They are those behind bold values (`ties`), of both directions and corrected by Holm for all pairs of a metric. What
they do not tell apart is tied: it shares places, and a bar of the critical-difference diagram (Demsar 2006).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codec_bench.grids import Grid
from codec_bench.reports.cells import Section, TableColumn, TableRow
from codec_bench.reports.sections import RANKED_COVERAGE
from codec_bench.reports.ties import ALPHA, Contest
from codec_bench.stats import LEVEL, Floats, holm

DRAWS = 500
"""Of the bootstrap: the ends of an interval are then its 12th or 13th lowest and highest values."""


def resampled(clusters: int) -> NDArray[np.int64]:
    """How often each cluster is in each draw of the bootstrap, `[draws, clusters]`: always the same draws."""
    return np.random.Generator(np.random.PCG64(0)).multinomial(clusters, np.full(clusters, 1 / clusters), DRAWS)


@dataclass(frozen=True)
class Standing:
    """The systems in one metric.

    Attributes:
        ranks: Mean rank of each system over clusters, 1 the best, by label; the best first.
        wins: Pairs of labels of which the first is significantly better.
    """

    ranks: Mapping[str, float]
    wins: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, contest: Contest, rows: Sequence[TableRow], column: TableColumn) -> Standing | None:
        """The systems that have (nearly) all values; None where fewer than two have some that can be compared."""
        cells = [row.cells[column.label] for row in rows]
        found = [
            r for r, c in zip(rows, cells, strict=True) if c.value is not None and c.n >= RANKED_COVERAGE * c.expected
        ]
        sums = contest.sums(found, column) if len(found) > 1 and column.better else None
        if sums is None:
            return None
        pairs = list(combinations(found, 2))
        tested = [(contest.p_worse(one, two, column), contest.p_worse(two, one, column)) for one, two in pairs]
        # Which of a pair is the better one was not known before: both directions are tests.
        p_values = [1.0 if p is None or q is None else min(1.0, 2 * min(p, q)) for p, q in tested]
        wins = set()
        for (one, two), (p, q), corrected in zip(pairs, tested, holm(p_values), strict=True):
            if corrected <= ALPHA and p is not None and q is not None:
                wins.add((one.label, two.label) if p < q else (two.label, one.label))
        ranks = mean_ranks(np.stack([*sums[0].values()], axis=2), column.better == "higher")
        order = sorted(zip(ranks, [row.label for row in found], strict=True))
        return cls({label: rank for rank, label in order}, frozenset(wins))

    def places(self, label: str) -> tuple[int, int]:
        """From and to which place a system may be: as many are better, as many are worse."""
        better = sum(two == label for _, two in self.wins)
        return 1 + better, len(self.ranks) - sum(one == label for one, _ in self.wins)

    def cliques(self) -> list[tuple[str, ...]]:
        """The longest runs of systems, in the order of their ranks, in which no pair is told apart."""
        labels = [*self.ranks]
        runs: list[tuple[int, int]] = []
        for start in range(len(labels)):
            end = start + 1
            while end < len(labels) and not any(self._apart(labels[end], other) for other in labels[start:end]):
                end += 1
            if end - start > 1 and not (runs and runs[-1][1] >= end):
                runs.append((start, end))
        return [tuple(labels[start:end]) for start, end in runs]

    def _apart(self, one: str, other: str) -> bool:
        return (one, other) in self.wins or (other, one) in self.wins


def ranked(values: Floats) -> Floats:
    """Ranks along the last axis, 1 for the smallest; equals share the mean of theirs.

    >>> ranked(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    # pandas is there anyway; `rankdata` comes with scipy.stats, a second to import.
    return pd.DataFrame(values.reshape(-1, values.shape[-1])).rank(axis=1).to_numpy().reshape(values.shape)


def mean_ranks(sums: Floats, is_higher_better: bool) -> list[float]:
    """Mean rank of systems over clusters, from numerators and denominators `[systems, 2, clusters]`; equals share one.

    >>> mean_ranks(np.array([[[3.0, 2.0], [1, 1]], [[1.0, 2.0], [1, 1]]]), True)
    [1.25, 1.75]
    """
    values = (sums[:, 0] / sums[:, 1]).T
    return [float(rank) for rank in ranked(-values if is_higher_better else values).mean(axis=0)]


def borda(values: Floats) -> Floats:
    """Points of systems: in each metric as many as others are worse, and half of those that are equal.

    Args:
        values: `[..., metrics, systems]`, of which more is better.

    >>> borda(np.array([[2.4, 2.1, 1.8], [2.6, 2.2, 2.3]])).tolist()
    [4.0, 1.0, 1.0]
    """
    return np.asarray((values.shape[-1] - ranked(-values)).sum(axis=-2), np.float64)


@dataclass(frozen=True)
class Ranking:
    """Systems that are alternatives to each other, over several metrics.

    Attributes:
        standings: By label of the metric.
        points: Borda points of each system with the ends of their interval, by label; most first.
    """

    standings: Mapping[str, Standing]
    points: Mapping[str, tuple[float, float, float]]

    @classmethod
    def of(cls, contest: Contest, rows: Sequence[TableRow], columns: Sequence[TableColumn]) -> Ranking | None:
        """The ranking of rows; a metric that one of them lacks, or that no scores are behind, is left out."""
        found = {c.label: s for c in columns if (s := Standing.of(contest, rows, c)) and len(s.ranks) == len(rows)}
        sums = [contest.sums(rows, c) for c in columns if c.label in found]
        if not found:
            return None
        known = [clusters for clusters, _ in (s for s in sums if s is not None)]
        names = [name for name in known[0] if all(name in clusters for clusters in known)]
        signs = np.array([1 if c.better == "higher" else -1 for c in columns if c.label in found])
        parts = np.stack([[clusters[name] for name in names] for clusters in known])  # metrics, clusters, rows, 2

        def points(weights: Floats) -> Floats:
            pooled = np.einsum("dc,mcrp->dmrp", weights, parts)
            return borda(signs[:, None] * pooled[..., 0] / pooled[..., 1])

        drawn = points(resampled(len(names)).astype(np.float64))
        (own,) = points(np.ones((1, len(names))))
        low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0, method="nearest")
        order = np.argsort(-own, kind="stable")
        return cls(found, {rows[i].label: (float(own[i]), float(low[i]), float(high[i])) for i in order})


def ranking_grids(
    contest: Contest, sections: Sequence[Section], columns: Sequence[TableColumn]
) -> tuple[list[Grid], list[str]]:
    """The rankings of the bitrate groups that have two systems or more, and the notes below them."""
    grids = []
    titles = {c.label: c.full_title for c in columns}
    for title, rows in by_band(sections).items():
        ranking = Ranking.of(contest, rows, [c for c in columns if c.better]) if len(rows) > 1 else None
        if ranking is None:
            continue
        by_label = {row.label: row for row in rows}
        lines = []
        for label, (points, low, high) in ranking.points.items():
            won = sum(one == label for s in ranking.standings.values() for one, _ in s.wins)
            lost = sum(two == label for s in ranking.standings.values() for _, two in s.wins)
            tied = (len(rows) - 1) * len(ranking.standings) - won - lost
            places = [_place(*s.places(label)) for s in ranking.standings.values()]
            row = [label, by_label[label].bitrate_text, f"{points:g} [{low:g}, {high:g}]", f"{won}/{tied}/{lost}"]
            lines.append([*row, *places])
        headings = ("system", "kbps", "Borda", "won/tied/lost", *(titles[m] for m in ranking.standings))
        grids.append(Grid(headings, lines, f"Ranking, {title}", range(1, len(headings)), (0,)))
    note = (
        f"Ranking: 1-3 is a system that may be on any of these places, for nothing tells it from those that share them "
        f"(paired t of all pairs as for bold, both directions, Holm, {ALPHA:.0%}). Borda: in each metric a point for "
        f"every system with a worse value; interval over {DRAWS} bootstrap draws of the speakers, or of the utterances "
        "where fewer than two are known."
    )
    return grids, [note] if grids else []


def by_band(sections: Sequence[Section]) -> dict[str, list[TableRow]]:
    """The coded rows of each bitrate group and condition, whatever their kind."""
    found: dict[str, list[TableRow]] = {}
    for section in sections:
        for row in section.rows:
            if not row.is_reference:
                band = section.title.partition(",")[0] + (f", {row.condition}" if row.condition else "")
                found.setdefault(band, []).append(row)
    return found


def _place(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
