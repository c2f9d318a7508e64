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
    from codec_bench.coding.rows import Row
    from codec_bench.reconstruction.outcome import Outcome
    from codec_bench.reconstruction.plan import Plan

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


def with_time_scores(
    plan: Plan, outcome: Outcome, row: Row, block: Sequence[int], scores: pd.DataFrame
) -> pd.DataFrame:
    """Adds the columns to the scores of one row of the table, which stay sorted by utterance and column.

    Args:
        plan: What was asked for.
        outcome: What came out.
        row: Whose scores.
        block: The utterances, by their places in the plan.
        scores: Their part of `scores.parquet`.
    """
    more: list[dict[str, Any]] = []
    for label in FACTS:
        for utterance in (plan.items[place].utterance for place in block if isinstance(row.source, Codec)):
            score = score_of(plan, outcome, row.label, utterance.id, label)
            parts = (score.numerator, score.denominator) if score.value is not None else (None, None)
            head = (row.label, utterance.id, utterance.speaker, label)
            found = (*head, score.value, score.status.value, score.reason, *parts, None)
            more.append(dict(zip(scores.columns, found, strict=True)))
    return _joined(scores, more).sort_values(["utterance", "metric"], ignore_index=True)


def with_time_rows(plan: Plan, outcome: Outcome, summary: pd.DataFrame) -> pd.DataFrame:
    """Adds the columns to the summary.

    Audio that exists already has none: its rows expect no value.

    Args:
        plan: What was asked for.
        outcome: What came out.
        summary: `summary.csv`.
    """
    rows: list[dict[Any, Any]] = []
    for row in plan.systems:
        head = summary[summary["system"] == row.label].iloc[0].to_dict()
        coded = plan.items if isinstance(row.source, Codec) else ()
        for label in FACTS:
            found = (score_of(plan, outcome, row.label, item.utterance.id, label).value for item in coded)
            values = [value for value in found if value is not None]
            rows.append(
                head | {
                    "metric": label, "value": float(np.median(values)) if values else None, "ci_low": None,
                    "ci_high": None, "n": len(values), "n_expected": len(coded), "clusters": 0, "unit": "",
                }
            )  # fmt: skip
    return _joined(summary, rows)


def _joined(frame: pd.DataFrame, rows: Sequence[dict[Any, Any]]) -> pd.DataFrame:
    """A frame with more rows of the same columns and types."""
    if not rows:
        return frame
    return pd.concat([frame, pd.DataFrame(rows, columns=frame.columns).astype(frame.dtypes)], ignore_index=True)
