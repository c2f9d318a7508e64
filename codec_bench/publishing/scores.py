"""The scores of every utterance beside a result, so that its values can be computed again by anyone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from codec_bench.files import parsed_json
from codec_bench.gzip_files import gunzipped, gzipped
from codec_bench.publishing.result import Part, PublishedMetric
from codec_bench.records import Status
from codec_bench.runs.directory import Run
from codec_bench.stats import Estimate, Floats, cluster_names, estimate, share_of

MAX_UNPACKED = 1 << 28
"""Bytes of the largest file of scores once it is unpacked."""


class Scores(Part):
    """Columns of equal length, a row per utterance and metric (and training of a probe).

    Attributes:
        utterances: The ids; `utterance` counts them from 0, as `metric` counts `metrics`.
        speakers: Speaker of each utterance, or None.
        status: `ok`, or why there is no value; 0 for `ok`, else the place in `statuses`.
        numerator: Of the rows with a value; `value = scale * sum(numerator) / sum(denominator)`.
        training: What tells trainings of a probe apart, empty elsewhere.
    """

    codec_bench_scores: Annotated[int, Field(ge=1, le=1)]
    utterances: Annotated[list[str], Field(min_length=1)]
    speakers: list[str | None]
    metrics: list[str]
    statuses: list[str]
    utterance: list[int]
    metric: list[int]
    status: list[int]
    numerator: list[float | None]
    denominator: list[float | None]
    training: list[str]

    @cached_property
    def table(self) -> dict[str, NDArray[Any]]:
        """The columns as arrays; what has no score is NaN."""
        whole = {name: np.array(getattr(self, name), np.int64) for name in ("utterance", "metric")}
        parts = {name: np.array(getattr(self, name), np.float64) for name in ("numerator", "denominator")}
        return whole | parts

    @cached_property
    def clusters(self) -> NDArray[np.int64]:
        """The cluster of each utterance; see `clusters_of`."""
        return clusters_of(self.utterances, self.speakers)

    @model_validator(mode="after")
    def _hangs_together(self) -> Scores:
        columns = (self.utterance, self.metric, self.status, self.numerator, self.denominator)
        if len({len(column) for column in columns}) != 1 or len(self.training) not in (0, len(self.utterance)):
            raise ValueError("its columns have different lengths")
        if len(self.speakers) != len(self.utterances):
            raise ValueError("it has not as many speakers as utterances")
        for name, places, names in (
            ("utterance", self.utterance, self.utterances),
            ("metric", self.metric, self.metrics),
            ("status", self.status, self.statuses),
        ):
            if places and not 0 <= min(places) <= max(places) < len(names):
                raise ValueError(f"a row has a {name} that it does not name")
        known = {status.value for status in Status}
        if strange := [status for status in self.statuses if status not in known]:
            raise ValueError(f"{strange[0]!r} is not a status")
        for status, top, bottom in zip(self.status, self.numerator, self.denominator, strict=True):
            if (self.statuses[status] == "ok") != (top is not None and bottom is not None and bottom > 0):
                raise ValueError("a row that is ok has no score, or one that is not has one")
        return self


def scores_file(run: Run, label: str) -> bytes | None:
    """The scores of a system as a compressed file, the same bytes for the same scores; None where a run keeps none."""
    if not run.file("scores.parquet").is_file():
        return None
    frame = run.scores
    mine = frame[frame["system"] == label]
    if mine.empty:
        return None
    names = list(dict.fromkeys([*run.utterances["id"], *mine["utterance"].astype(str)]))
    speakers = {str(u): s if isinstance(s, str) and s else None for u, s in zip(mine["utterance"], mine["speaker"],
                                                                                strict=True)}  # fmt: skip
    metrics, statuses = sorted(set(mine["metric"])), ["ok", *sorted(set(mine["status"]) - {"ok"})]
    place_of = {name: place for place, name in enumerate(names)}
    trainings = [name for name in ("seed", "fold") if name in mine]
    ok = [status == "ok" and _is_score(a, b) for status, a, b in zip(mine["status"], mine["numerator"],
                                                                     mine["denominator"], strict=True)]  # fmt: skip
    if not all(ok) and "error" not in statuses:
        statuses.append("error")
    made = Scores(
        codec_bench_scores=1,
        utterances=names,
        speakers=[speakers.get(name) for name in names],
        metrics=metrics,
        statuses=statuses,
        utterance=[place_of[str(u)] for u in mine["utterance"]],
        metric=[metrics.index(m) for m in mine["metric"]],
        status=[
            0 if good else statuses.index(status if status != "ok" else "error")
            for good, status in zip(ok, mine["status"], strict=True)
        ],
        numerator=[float(x) if good else None for good, x in zip(ok, mine["numerator"], strict=True)],
        denominator=[float(x) if good else None for good, x in zip(ok, mine["denominator"], strict=True)],
        training=[" ".join(map(str, row)) for row in mine[trainings].itertuples(index=False)] if trainings else [],
    )
    return gzipped(made.model_dump_json().encode())


def read_scores(data: bytes) -> Scores:
    """Reads what `scores_file` made.

    Raises:
        ValueError: It is damaged, larger than it may be, or holds what it cannot; one line.
    """
    text = gunzipped(data, MAX_UNPACKED)
    parsed_json(text)  # numbers that JSON does not know
    try:
        return Scores.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"][:3])
        raise ValueError(f"{where}: {problem['msg'].removeprefix('Value error, ')}".removeprefix(": ")) from None


def recomputed(scores: Scores, metric: PublishedMetric) -> Estimate:
    """The value of a metric from the scores: pooled, with its interval over speakers."""
    rows = np.flatnonzero(scores.table["metric"] == scores.metrics.index(metric.label))
    rows = rows[np.isfinite(scores.table["numerator"][rows])]
    return estimate(
        scores.table["numerator"][rows],
        scores.table["denominator"][rows],
        scores.clusters[scores.table["utterance"][rows]],
        expected=metric.expected,
        scale=100.0 if metric.unit == "%" else 1.0,
        share=share_of(metric.unit, metric.better),
    )


@dataclass(frozen=True)
class Sides:
    """The scores of a result as arrays, for what compares results.

    Attributes:
        utterances: Their ids.
        speakers: Speaker of each, or None.
        parts: By metric `[2, utterances]`, numerators and denominators; NaN where there is no score. Of several
            trainings of a probe, the last.
        has_trainings: Whether these are scores of trainings.
    """

    utterances: list[str]
    speakers: list[str | None]
    parts: dict[str, Floats]
    has_trainings: bool

    @classmethod
    def of(cls, scores: Scores) -> Sides:
        """The arrays of what a file holds."""
        table, parts = scores.table, {}
        for place, name in enumerate(scores.metrics):
            rows = np.flatnonzero(table["metric"] == place)
            rows = rows[np.isfinite(table["numerator"][rows])]
            parts[name] = np.full((2, len(scores.utterances)), np.nan)
            parts[name][:, table["utterance"][rows]] = table["numerator"][rows], table["denominator"][rows]
        return cls(scores.utterances, scores.speakers, parts, bool(scores.training))

    def paired(self, other: Sides, metric: str) -> tuple[Floats, Floats, NDArray[np.int64]] | None:
        """Both sides of the utterances that both scored, `[2, utterances]`, and their clusters; None without scores."""
        mine, theirs = self.parts.get(metric), other.parts.get(metric)
        if mine is None or theirs is None:
            return None
        if self.utterances != other.utterances:
            places = {name: place for place, name in enumerate(other.utterances)}
            theirs = np.column_stack([theirs, [np.nan, np.nan]])[:, [places.get(name, -1) for name in self.utterances]]
        both = np.flatnonzero(np.isfinite(mine[0]) & np.isfinite(theirs[0]))
        if len(both) == len(self.utterances):
            return mine, theirs, self._clusters
        clusters = clusters_of([self.utterances[i] for i in both], [self.speakers[i] for i in both])
        return mine[:, both], theirs[:, both], clusters

    @cached_property
    def _clusters(self) -> NDArray[np.int64]:
        return clusters_of(self.utterances, self.speakers)


def clusters_of(utterances: Sequence[str], speakers: Sequence[str | None]) -> NDArray[np.int64]:
    """The cluster of each utterance as a number, in the order of their names."""
    return np.unique(cluster_names(utterances, speakers), return_inverse=True)[1].astype(np.int64)


def values_of(scores: Scores) -> dict[str, dict[str, float]]:
    """By metric the value of each utterance that has one, without the scale of the metric."""
    found = {}
    for name, (top, bottom) in Sides.of(scores).parts.items():
        pairs = zip(scores.utterances, (top / bottom).tolist(), strict=True)
        found[name] = {utterance: value for utterance, value in pairs if value == value}  # noqa: PLR0124 - not NaN
    return found


def _is_score(top: Any, bottom: Any) -> bool:
    return bool(np.isfinite(top) and math.isfinite(bottom) and bottom > 0)
