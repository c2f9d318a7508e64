"""How much of a plan has values, and whose doing it is where a system has none at all in a metric."""

from __future__ import annotations

from collections.abc import Callable

from codec_bench.adapters.prepared import GroundTruth
from codec_bench.audio import SILENCE_PEAK
from codec_bench.coding.conditions import Alteration
from codec_bench.coding.rows import Row
from codec_bench.reconstruction.outcome import Outcome
from codec_bench.reconstruction.plan import Plan
from codec_bench.records import Status
from codec_bench.runs.frames import Coverage


def coverage(plan: Plan, outcome: Outcome, max_failed: float) -> Coverage:
    """How much of the plan has values, what failed, and whether that is more than the share `max_failed` of a row."""
    found = Coverage(max_failed)
    for row in plan.rows:
        columns = [(metric.label, outcome.scores.column(row.label, metric.label)) for metric in plan.metrics]
        scores = (
            (item.utterance.id, label, column["status"][place], column["reason"][place])
            for place, item in enumerate(plan.items)
            for label, column in columns
        )
        found.add(row.label, scores, len(plan.items), owed_by(row, plan, outcome))
    return found


def owed_by(row: Row, plan: Plan, outcome: Outcome) -> Callable[[str, str], bool]:
    """Whether a score that a row lacks, of an utterance by a metric, lacks because of the system.

    It does where the same metric has a value for the recording itself under the same condition. A run without that row
    cannot show this; then it does where another system has a value, or where the decoded audio is silent and the
    recording is not. Otherwise the recording may be the reason (too short, silent, without speech or transcript), and
    what its status calls no failure is none.
    """
    condition = row.condition.label
    # Only alterations have rows of the recordings; under any other condition the clean recordings are compared.
    clean_or_altered = condition if isinstance(row.condition, Alteration) else ""
    recordings = [other for other in plan.rows if _is_recordings(other) and other.condition.label == clean_or_altered]
    others = [other for other in plan.rows if other is not row and other.condition.label == condition]
    witnesses = [other.label for other in recordings or others]

    def is_owed(utterance: str, metric: str) -> bool:
        if _is_recordings(row):
            return False
        if any(outcome.scores[label, utterance, metric].status is Status.OK for label in witnesses):
            return True
        is_silent = outcome.scores[row.label, utterance, metric].status is Status.SILENT
        return is_silent and not recordings and _fell_silent(plan, outcome, row, utterance)

    return is_owed


def _is_recordings(row: Row) -> bool:
    return isinstance(row.source, GroundTruth)


def _fell_silent(plan: Plan, outcome: Outcome, row: Row, utterance: str) -> bool:
    """Whether the decoded audio is silent and the recording, if there is one, is not."""
    facts = outcome.facts[row.label, utterance]
    peaks = {side: facts.get(side, {}).get("peak") for side in ("reference", "decoded")}
    if peaks["decoded"] is None or peaks["decoded"] >= SILENCE_PEAK:
        return False
    return plan.generated or (peaks["reference"] is not None and peaks["reference"] >= SILENCE_PEAK)
