"""Columns of a run that say how long coding took: no measurement of its own, but the times that a run keeps anyway.

`codec-bench speed` measures; this only puts a rough figure next to the quality. Audio that a cache had keeps
the time of when it was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from codec_bench.adapters.codec import Codec
from codec_bench.coding.rows import Row
from codec_bench.reconstruction.columns import TIMES
from codec_bench.reconstruction.outcome import Outcome
from codec_bench.reconstruction.plan import Plan
from codec_bench.records import Score, Status
from codec_bench.runs.frames import Heading, ScoreRow, SummaryRow, score_frame
from codec_bench.stats import Estimate

FACTS = {"rtf_encode": "encode_seconds", "rtf_decode": "decode_seconds"}


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
    """Adds the columns to the scores of some utterances, `block`, which stay sorted by utterance and column."""
    coded = [plan.items[place].utterance for place in block] if isinstance(row.source, Codec) else []
    more = score_frame(
        ScoreRow.of(row.label, u.id, u.speaker, label, score_of(plan, outcome, row.label, u.id, label))
        for label in FACTS
        for u in coded
    )
    if more.empty:
        return scores
    both = pd.concat([scores, more.astype(scores.dtypes)], ignore_index=True)
    return both.sort_values(["utterance", "metric"], ignore_index=True)


def time_rows(plan: Plan, outcome: Outcome, headings: Mapping[str, Heading]) -> list[SummaryRow]:
    """The rows of the columns in the summary; those of audio that exists already expect no value."""
    rows = []
    for row in plan.rows:
        coded = plan.items if isinstance(row.source, Codec) else ()
        for column in TIMES:
            found = (score_of(plan, outcome, row.label, item.utterance.id, column.label).value for item in coded)
            values = [value for value in found if value is not None]
            median = float(np.median(values)) if values else None
            estimate = Estimate(median, None, None, len(values), len(coded), 0)
            rows.append(headings[row.label].row(column.label, column.unit, estimate))
    return rows
