"""The rows of `summary.csv` and `scores.parquet`, for runs of every kind, and how much of a plan has values."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from codec_bench.csv_files import write_frame
from codec_bench.files import atomically, write_atomically
from codec_bench.records import Score, Status
from codec_bench.stats import LEVEL, Estimate, cluster_names, cluster_unit, effective_number


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """A row of `summary.csv`: a system and a column. Kinds with more columns extend this.

    Attributes:
        system: Label of a system of the plan.
        group: Its group: `reference`, `classic`, ...
        bitrate_kbps: Its bitrate, or None.
        frame_rate_hz: Its frame rate, or None.
        metric: Label of a column of the plan.
        value: In the unit of the column, or None.
        ci_low: Lower end of the interval, or None.
        ci_high: Upper end.
        n: Utterances with a value.
        n_expected: Utterances that should have one.
        clusters: Independent units behind the interval: speakers, or utterances.
        effective_clusters: How many of equal size would tell as much.
        unit: Unit of the column.
        bitrate_source: Where the bitrate comes from; see `Bitrate`.
    """

    system: str
    group: str
    bitrate_kbps: float | None
    frame_rate_hz: float | None
    metric: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    n: int
    n_expected: int
    clusters: int
    effective_clusters: float
    unit: str
    bitrate_source: str


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """A row of `scores.parquet`: a system, an utterance and a column. Kinds with more columns extend this.

    Attributes:
        system: Label of a system of the plan.
        utterance: Its id; `repeat-1` where one recording is measured again and again.
        speaker: Its speaker, or None.
        metric: Label of a column of the plan.
        value: In the unit of the column, or None.
        status: `ok`, or why there is no value.
        reason: The same for people.
        numerator: Numerator of the value, without the scale of the column.
        denominator: 1 for what is averaged.
        seconds: What computing it took, where that is known.
    """

    system: str
    utterance: str
    speaker: str | None
    metric: str
    value: float | None
    status: str
    reason: str
    numerator: float | None
    denominator: float | None
    seconds: float | None

    @classmethod
    def of(
        cls,
        system: str,
        utterance: str,
        speaker: str | None,
        metric: str,
        score: Score,
        *,
        seconds: float | None = None,
        **more: Any,
    ) -> ScoreRow:
        """The row of a score; `more` are the fields of a kind of its own."""
        numerator, denominator = (score.numerator, score.denominator) if score.status is Status.OK else (None, None)
        return cls(
            system, utterance, speaker, metric, score.value, score.status.value, score.reason, numerator, denominator,
            seconds, **more,
        )  # fmt: skip


@dataclass(frozen=True)
class Bitrate:
    """What a system sends.

    Attributes:
        kbps: kbit/s, or None if unknown.
        source: `computed` from codebook rates and sizes; `counted`: payload bits over the seconds that they last,
            pooled over the utterances; `stated` by the files' authors; empty without a figure.
    """

    kbps: float | None = None
    source: str = ""


Counted = Callable[[], tuple[float, float]]
"""Payload bits, and the seconds that they last; 0 seconds where nothing was counted."""


def bitrate_of(system: Mapping[str, Any], counted: Counted = lambda: (0.0, 0.0)) -> Bitrate:
    """The bitrate of a system as `plan.systems` of `run.json` keeps it; `counted` is asked where that says nothing.

    >>> bitrate_of({"nominal_bitrate": None}, lambda: (12_000, 2.0))
    Bitrate(kbps=6.0, source='counted')
    """
    for name, source in (("stated_bitrate", "stated"), ("nominal_bitrate", "computed")):
        if system.get(name) is not None:
            return Bitrate(float(system[name]) / 1000, source)
    if system.get("group") == "continuous":
        return Bitrate()  # nothing is quantised, so no number of bits would say what was sent
    bits, seconds = counted()
    # Rounded to a millionth of a bit/s: durations are floats, and a constant rate must come out as it is.
    return Bitrate(round(bits / seconds / 1000, 9), "counted") if seconds else Bitrate()


@dataclass(frozen=True)
class Heading:
    """What the rows of a system in `summary.csv` have in common."""

    system: str
    group: str
    bitrate: Bitrate
    frame_rate_hz: float | None

    @classmethod
    def of(cls, system: Mapping[str, Any], counted: Counted = lambda: (0.0, 0.0)) -> Heading:
        """The heading of a system as `plan.systems` of `run.json` keeps it; `counted` as for `bitrate_of`."""
        return cls(system["label"], system["group"], bitrate_of(system, counted), system["frame_rate_hz"])

    def row(
        self, metric: str, unit: str, found: Estimate, kind: type[SummaryRow] = SummaryRow, **more: Any
    ) -> SummaryRow:
        """The row of a column; `kind` and `more` are for kinds with fields of their own."""
        return kind(
            self.system, self.group, self.bitrate.kbps, self.frame_rate_hz, metric, found.value, found.low, found.high,
            found.n, found.expected, found.clusters, found.effective, unit, self.bitrate.source, **more,
        )  # fmt: skip


def names_of(kind: type[SummaryRow] | type[ScoreRow]) -> list[str]:
    """The columns of a file of such rows."""
    return [column.name for column in fields(kind)]


def floats_of(kind: type[SummaryRow] | type[ScoreRow]) -> list[str]:
    """Those of them that hold numbers with decimals, or nothing."""
    return [column.name for column in fields(kind) if str(column.type).startswith("float")]


def summary_frame(rows: Iterable[SummaryRow], kind: type[SummaryRow] = SummaryRow) -> pd.DataFrame:
    """The content of `summary.csv`."""
    return _frame(rows, kind)


def score_frame(
    rows: Iterable[ScoreRow],
    kind: type[ScoreRow] = ScoreRow,
    order: Sequence[str] = ("system", "utterance", "metric"),
) -> pd.DataFrame:
    """The content of `scores.parquet`, in an order that does not depend on how the scores were made."""
    return _frame(rows, kind).sort_values(list(order), ignore_index=True)


def _frame(rows: Iterable[Any], kind: type[SummaryRow] | type[ScoreRow]) -> pd.DataFrame:
    names, floats = names_of(kind), floats_of(kind)
    frame = pd.DataFrame([tuple(getattr(row, name) for name in names) for row in rows], columns=names)
    frame[floats] = frame[floats].astype("float64")
    return frame


def write_summary(path: Path, summary: pd.DataFrame) -> None:
    """Writes `summary.csv` and the same as JSON."""
    write_frame(path / "summary.csv", summary)
    plain = json.loads(summary.to_json(orient="records"))
    write_atomically(path / "summary.json", (json.dumps(plain, indent=1, allow_nan=False) + "\n").encode())


def write_scores(path: Path, scores: pd.DataFrame | Iterable[pd.DataFrame]) -> None:
    """Writes `scores.parquet`: all rows, or frames of the same columns and types that come one after the other."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    frames = iter([scores] if isinstance(scores, pd.DataFrame) else scores)
    first = next(frames)
    found = pa.Schema.from_pandas(first, preserve_index=False)
    # A column without any value in the first frame, e.g. of unknown speakers, may have some in the next.
    schema = pa.schema([f.with_type(pa.string()) if pa.types.is_null(f.type) else f for f in found], found.metadata)
    with atomically(path / "scores.parquet") as part, pq.ParquetWriter(part, schema) as writer:
        for frame in chain([first], frames):
            writer.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False))


@dataclass
class Coverage:
    """How much of a plan has values, what failed, and whether that is too much.

    Attributes:
        max_failed: Share of a system's utterances that may fail; None if every failure counts.
        statuses: How often each column has each status.
        failures: Why the run counts as failed, one line each.
    """

    max_failed: float | None = None
    statuses: dict[str, dict[str, int]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def count(self, column: str, status: Status) -> None:
        """Counts a score."""
        counts = self.statuses.setdefault(column, {})
        counts[status.value] = counts.get(status.value, 0) + 1

    def add(
        self,
        system: str,
        scores: Iterable[tuple[str, str, Status, str]],
        expected: int,
        is_owed: Callable[[str, str], bool] = lambda utterance, column: False,
    ) -> None:
        """Counts the utterance, column, status and reason of all scores of a system, in order, and judges it.

        A column without a single value is a failure, whatever `max_failed` is, where that is the system's doing: where
        one of its scores failed, or is one that the system owes.

        Args:
            system: Its label.
            scores: Its scores; each column has an utterance once.
            expected: Utterances of the plan.
            is_owed: Whether the score of an utterance and a column, though no failure by its status, lacks because of
                the system and not because of the recording.
        """
        failed: dict[str, str] = {}
        lacking: dict[str, list[tuple[str, Status, str]]] = {}
        scored: set[str] = set()
        for utterance, column, status, reason in scores:
            self.count(column, status)
            if status is Status.OK:
                scored.add(column)
                lacking.pop(column, None)
            elif column not in scored:
                lacking.setdefault(column, []).append((utterance, status, reason))
            if status.is_failure:
                failed.setdefault(utterance, f"{status.value}: {reason}")
        told = self.judge(system, failed, expected, has_values=bool(scored))
        first = next(iter(failed.values()), "") if told else ""
        alike: dict[str, list[str]] = {}
        for column, scores_of in lacking.items():
            owed = [s for s in scores_of if f"{s[1].value}: {s[2]}" != first and is_owed(s[0], column)]
            if found := owed or ([] if told else [score for score in scores_of if score[1].is_failure]):
                alike.setdefault(_lack(scores_of, found[0]), []).append(column)
        self.failures += [f"{system}: no value in {', '.join(columns)}: {lack}" for lack, columns in alike.items()]

    def judge(self, system: str, failed: Mapping[str, str], expected: int, *, has_values: bool = True) -> bool:
        """Notes a failure where more of a system's utterances failed than may, or all; returns whether it did.

        The reasons are by the id of the utterance, the first one first; `has_values` says whether it has any at all.
        """
        if not failed or (has_values and len(failed) / expected <= (self.max_failed or 0.0)):
            return False
        first, reason = next(iter(failed.items()))
        self.failures.append(f"{system}: {len(failed)} of {expected} utterances failed, first {first} ({reason})")
        return True

    def describe(self) -> dict[str, Any]:
        """As `run.json` keeps it."""
        share = {} if self.max_failed is None else {"max_failed": self.max_failed}
        return {"statuses": self.statuses, **share, "failures": list(dict.fromkeys(self.failures))}


def _lack(scores: Sequence[tuple[str, Status, str]], example: tuple[str, Status, str]) -> str:
    """What a column has instead of values: `24 × silent, first u1 (the decoded signal is silent)`."""
    counts = Counter(status.value for _, status, _ in scores)
    first, _, reason = example
    return f"{', '.join(f'{count} × {status}' for status, count in counts.items())}, first {first} ({reason})"


def describe_intervals(speakers: Sequence[str | None]) -> dict[str, Any]:
    """How the intervals of a summary were made, as `run.json` keeps it, from the speaker of each utterance."""
    sizes = Counter(cluster_names([str(place) for place in range(len(speakers))], speakers))
    return {
        "method": "t with the jackknife's standard error",
        "unit": cluster_unit(speakers),
        "level": LEVEL,
        "clusters": len(sizes),
        "effective": round(effective_number(list(sizes.values())), 2),
    }
