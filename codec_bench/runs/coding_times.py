"""Columns of a run that say how long coding took: no measurement of its own, but the times that a run keeps anyway.

`codec-bench speed` measures; this is for whoever wants to see a figure beside the quality. Audio that a cache had keeps
the time of when it was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from codec_bench.adapters.codec import Codec
from codec_bench.records import Score, Status
from codec_bench.runs.directory import describe_column

if TYPE_CHECKING:
    from codec_bench.runs.outcome import Outcome
    from codec_bench.runs.plan import Plan

FACTS = {"rtf_encode": "encode_seconds", "rtf_decode": "decode_seconds"}


def describe_times() -> list[dict[str, Any]]:
    """The columns as `plan.metrics` keeps them."""
    note = (
        "processing time out of the time of the audio, median over utterances; taken when the audio was made, with "
        "whatever else the machine did then, loading left out (codec-bench speed measures with care)"
    )
    return [
        describe_column(label, title, better="lower", family="Coding times", digits=4, note=note)
        for label, title in (("rtf_encode", "encode RTF"), ("rtf_decode", "decode RTF"))
    ]


def score_of(plan: Plan, outcome: Outcome, system: str, utterance: str, label: str) -> Score:
    """The real-time factor of a pair, or why there is none."""
    facts = outcome.facts[system, utterance]
    seconds, audio = facts.get(FACTS[label]), facts.get("coded_seconds")
    if seconds is not None and audio:
        return Score(Status.OK, "", float(seconds), float(audio))
    for metric in plan.metrics:
        score = outcome.scores[system, utterance, metric.label]
        if score.status is not Status.OK:
            return Score.failed(score.status, score.reason)
    return Score.failed(Status.UNDEFINED, "the time that its coding took is not known")


def with_coding_times(
    plan: Plan, outcome: Outcome, scores: pd.DataFrame, summary: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Adds the columns to what a run keeps.

    Audio that exists already has none: its rows expect no value.

    Args:
        plan: What was asked for.
        outcome: What came out.
        scores: `scores.parquet`.
        summary: `summary.csv`.
    """
    more: list[dict[str, Any]] = []
    rows: list[dict[Any, Any]] = []
    for row in plan.systems:
        head = summary[summary["system"] == row.label].iloc[0].to_dict()
        coded = plan.items if isinstance(row.source, Codec) else ()
        for label in FACTS:
            values = []
            for item in coded:
                u = item.utterance
                score = score_of(plan, outcome, row.label, u.id, label)
                values += [] if score.value is None else [score.value]
                parts = (score.numerator, score.denominator) if score.value is not None else (None, None)
                found = (row.label, u.id, u.speaker, label, score.value, score.status.value, score.reason, *parts, None)
                more.append(dict(zip(scores.columns, found, strict=True)))
            rows.append(
                head | {
                    "metric": label, "value": float(np.median(values)) if values else None, "ci_low": None,
                    "ci_high": None, "n": len(values), "n_expected": len(coded), "clusters": 0, "unit": "",
                }
            )  # fmt: skip
    return _joined(scores, more, ["system", "utterance", "metric"]), _joined(summary, rows)


def _joined(frame: pd.DataFrame, rows: Sequence[dict[Any, Any]], order: list[str] | None = None) -> pd.DataFrame:
    """A frame with more rows of the same columns and types."""
    if not rows:
        return frame
    joined = pd.concat([frame, pd.DataFrame(rows, columns=frame.columns).astype(frame.dtypes)], ignore_index=True)
    return joined.sort_values(order, ignore_index=True) if order else joined
