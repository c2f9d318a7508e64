"""Who shares the first place of a group: the systems that nothing shows to be worse than the best value.

The best printed value is truly the best in two cases of three; the set that shares its place holds the best nearly
always (`tests/reports/test_ties.py` measures both). Each system is compared with the best one on the utterances that
both have, by a paired t test over speakers as in `codec_bench.comparison`, corrected by Holm for the group.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codec_bench.comparison.paired import compare_paired
from codec_bench.errors import UsageError
from codec_bench.reports.cells import Cell, TableColumn, TableRow
from codec_bench.runs.directory import Run
from codec_bench.stats import Floats, cluster_names, estimate, holm, per_cluster, share_of, t_tail, with_trainings

ALPHA = 0.05
"""Chance of losing the best system of a group in a column, at most."""

NO_MEANS = "no means of scores that could be compared"
TOO_FEW = "fewer than two utterances to compare on"
"""Why systems could not be compared."""

_NAMES = ("system", "metric", "utterance", "speaker")


@dataclass
class Contest:
    """The runs of one table, whose scores are read when they are first asked for.

    Attributes:
        runs: What the rows of the table come from.
        untested: Why the systems of a column could not be compared, by its label.
    """

    runs: Sequence[Run]
    untested: dict[str, str] = field(default_factory=dict)

    def level_with(self, best: TableRow, others: Sequence[TableRow], column: TableColumn) -> list[str]:
        """The labels of those rows that are not significantly worse than the best one; none if nothing can tell."""
        sides = [self._side(row, column) for row in (best, *others)]
        p_values = [
            None if sides[0] is None or side is None else self._p_worse(sides[0], side, row, column)
            for side, row in zip(sides[1:], others, strict=True)
        ]
        found = [p for p in p_values if p is not None]
        if len(found) < len(others):
            self.untested[column.label] = NO_MEANS if any(side is None for side in sides) else TOO_FEW
            return []
        return [row.label for row, p in zip(others, holm(found), strict=True) if p > ALPHA]

    def p_worse(self, one: TableRow, other: TableRow, column: TableColumn) -> float | None:
        """One-sided p-value against "the second is not worse than the first"; None where nothing can tell."""
        first, second = self._side(one, column), self._side(other, column)
        return None if first is None or second is None else self._p_worse(first, second, other, column)

    def sums(self, rows: Sequence[TableRow], column: TableColumn) -> tuple[dict[str, Floats], int] | None:
        """Sums over each cluster of the utterances that all rows scored, and how many utterances these are.

        Returns:
            Numerators and denominators `[rows, 2]` by the name of the cluster; None where there are none of a row, or
            only one cluster.
        """
        sides = [self._side(row, column) for row in rows]
        known = [side for side in sides if side is not None]
        if not rows or len(known) < len(sides):
            return None
        both = np.flatnonzero(np.all([np.isfinite(side[1]).any(axis=0) for side in known], axis=0))
        names = self._clusters(both.tolist(), rows[0], column)
        if len(set(names)) < 2:
            return None
        flat = np.concatenate([np.nanmean(side[:, :, both], axis=1) for side in known])
        per_name = per_cluster(flat.tolist(), names).reshape(len(rows), 2, -1)
        return {name: per_name[:, :, i] for i, name in enumerate(sorted(set(names)))}, len(both)

    def why_none(self, rows: Sequence[TableRow], column: TableColumn) -> str:
        """Why rows have no `sums`."""
        return NO_MEANS if any(self._side(row, column) is None for row in rows) else TOO_FEW

    def over(self, row: TableRow, column: TableColumn, utterances: Container[str]) -> Cell | None:
        """The value of a row over some utterances, with an interval; None where it is no mean of their scores."""
        if (side := self._side(row, column)) is None:
            return None
        scored = np.flatnonzero(np.isfinite(side[1]).any(axis=0)).tolist()
        places = [place for place in scored if self._scores.utterances[place] in utterances]
        scale = 100.0 if column.unit == "%" else 1.0
        tops, bottoms = np.nanmean(side[:, :, places], axis=1) if places else np.empty((2, 0))
        found = estimate(
            (tops / scale).tolist(), bottoms.tolist(), self._clusters(places, row, column), expected=len(places),
            scale=scale, share=share_of(column.unit, column.better),
        )  # fmt: skip
        shows_ends = row.cells[column.label].shows_ends
        return Cell(found.value, found.low, found.high, found.n, found.n, column.digits, shows_ends=shows_ends)

    def _side(self, row: TableRow, column: TableColumn) -> Floats | None:
        """Numerators and denominators, `[2, seeds, utterances]`, NaN without a score; None if its value is not theirs.

        FAD, medians of times, and ratings, behind which are listeners, are no means over the scores of a run.
        """
        run = self._run(row)
        scored = self._scores.of.get((row.run, row.system, column.label))
        if scored is None or run.kind == "speed" or run.metrics[column.label].get("imported"):
            return None
        side = np.full((2, len(self._scores.seeds), len(self._scores.utterances)), np.nan)
        side[:, scored.seeds, scored.utterances] = scored.parts
        top, bottom = np.nansum(side, axis=(1, 2))
        value = row.cells[column.label].value
        return side if value is not None and math.isclose(top, value * bottom, rel_tol=1e-6, abs_tol=1e-9) else None

    def _p_worse(self, best: Floats, other: Floats, row: TableRow, column: TableColumn) -> float | None:
        """One-sided p-value against "not worse than the best"; None where there is but one cluster."""
        both = np.flatnonzero(np.isfinite(best[1]).any(axis=0) & np.isfinite(other[1]).any(axis=0))
        if not len(both):
            return None
        sides = [np.nanmean(side[:, :, both], axis=1) for side in (best, other)]  # over the trainings of a probe
        clusters = self._clusters(both.tolist(), row, column)
        found = compare_paired((sides[0][0], sides[0][1]), (sides[1][0], sides[1][1]), clusters)
        if math.isnan(found.error):
            return None
        sign = 1 if column.better == "higher" else -1
        error, effective = with_trainings(found.error, found.effective, list(_differences(best, other)))
        if error > found.error:
            return t_tail(-sign * found.difference / error, effective)
        return found.p_lower if column.better == "higher" else found.p_higher

    def _clusters(self, places: Sequence[int], row: TableRow, column: TableColumn) -> list[str]:
        """The clusters of utterances; where speakers are the classes of a probe, each utterance is one."""
        run = self._run(row)
        task = column.variant.partition(":")[0]
        tasks = {t["task"]: t["recipe"]["target"] for t in run.info["plan"].get("tasks", [])}
        speakers = [None if tasks.get(task) == "speaker" else self._scores.speakers[place] for place in places]
        return cluster_names([self._scores.utterances[place] for place in places], speakers)

    def _run(self, row: TableRow) -> Run:
        return next(run for run in self.runs if str(run.path) == row.run)

    @cached_property
    def _scores(self) -> _Scores:
        return _Scores.read(self.runs)


@dataclass(frozen=True)
class _Scored:
    """A system and a column: positions of seed and utterance, and `[2, scores]` numerators and denominators."""

    seeds: NDArray[np.int64]
    utterances: NDArray[np.int64]
    parts: Floats


@dataclass(frozen=True)
class _Scores:
    """All scores of some runs, by folder, system and column."""

    of: dict[tuple[str, str, str], _Scored]
    seeds: list[int]
    utterances: list[str]
    speakers: list[str | None]

    @classmethod
    def read(cls, runs: Sequence[Run]) -> _Scores:
        """Reads what the runs keep, which may be millions of scores: only what is needed, and names as numbers."""
        of = {}
        seeds: dict[int, int] = {}
        utterances: dict[str, int] = {}
        speakers: dict[str, str] = {}
        for run in runs:
            frame = _frame(run)
            frame["place"] = _places(frame["utterance"], utterances)
            frame["training"] = _places(frame["seed"].astype("category"), seeds)
            for (system, metric), part in frame.groupby(["system", "metric"], observed=True, sort=False):
                bottoms = part["denominator"].to_numpy(np.float64)
                sums = np.stack([part["value"].to_numpy(np.float64) * bottoms, bottoms])
                key = (str(run.path), str(system), str(metric))
                of[key] = _Scored(part["training"].to_numpy(), part["place"].to_numpy(), sums)
            who = frame[["utterance", "speaker"]].drop_duplicates("utterance").dropna()
            speakers |= dict(zip(who["utterance"], who["speaker"], strict=True))
        return cls(of, list(seeds), list(utterances), [speakers.get(name) or None for name in utterances])


def _frame(run: Run) -> pd.DataFrame:
    """The scores of a run that have a value; empty for runs that keep none."""
    from pyarrow import parquet as pq

    path = run.path / "scores.parquet"
    if not path.is_file():
        return pd.DataFrame(columns=[*_NAMES, "seed", "value", "denominator"]).astype({"utterance": "category"})
    try:
        seed = ["seed"] if "seed" in pq.read_schema(path).names else []
        columns = [*_NAMES, *seed, "value", "denominator"]
        ok = [("status", "==", "ok")]
        frame: pd.DataFrame = pq.read_table(path, columns=columns, filters=ok, read_dictionary=[*_NAMES]).to_pandas()
    except (OSError, ValueError) as error:  # of which pyarrow's own are
        raise UsageError(f"{path} cannot be read: {error}") from error
    return frame if seed else frame.assign(seed=0)


def _places(names: pd.Series[Any], known: dict[Any, int]) -> NDArray[np.int64]:
    """Names as positions among those known, to which new ones are added."""
    places = np.array([known.setdefault(name, len(known)) for name in names.cat.categories], np.int64)
    return places[names.cat.codes.to_numpy()] if len(names) else np.empty(0, np.int64)


def _differences(best: Floats, other: Floats) -> Iterator[float]:
    """The difference of each training, on what it scored of both; nothing where there is but one training."""
    for first, second in zip(best.swapaxes(0, 1), other.swapaxes(0, 1), strict=True):
        both = np.isfinite(first[1]) & np.isfinite(second[1])
        if best.shape[1] > 1 and both.any():
            (one, two) = (side[0, both].sum() / side[1, both].sum() for side in (first, second))
            yield float(two - one)
