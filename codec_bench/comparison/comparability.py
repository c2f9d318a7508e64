"""Why two runs, two rows or two columns cannot be compared: each reason is a line that names what differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codec_bench.alignment import ALIGNED
from codec_bench.comparison.gate import MetricLimit
from codec_bench.comparison.measurements import (
    REFERENCE,
    ComparedMetric,
    Measurements,
    UtteranceScore,
    changed_parts,
    scored_in_both,
)
from codec_bench.comparison.pairing import RowPair
from codec_bench.metrics import ERROR_RATES

DRIFT = 0.1
"""Share of its limit by which the score of the recordings themselves may differ between two runs."""


def run_obstacles(baseline: Measurements, candidate: Measurements) -> list[str]:
    """Why nothing of the two runs is comparable."""
    found = []
    if baseline.kind != candidate.kind:
        found.append(f"the baseline is a run of kind {baseline.kind}, the candidate of kind {candidate.kind}")
    left, right = baseline.dataset, candidate.dataset
    if left["manifest_sha256"] != right["manifest_sha256"]:
        common = len(set(baseline.speakers) & set(candidate.speakers))
        sizes = f"{left['utterances']} utterances, the candidate {right['utterances']}; {common} ids are in both"
        if left["name"] != right["name"]:
            found.append(f"different data sets: the baseline has {left['name']} with {sizes} ({right['name']})")
        else:
            found.append(
                f"different utterances of {left['name']}: the baseline has {sizes}; recordings, transcripts or "
                "speakers differ (manifest_sha256)"
            )
    return found


def pair_obstacles(baseline: Measurements, candidate: Measurements, pair: RowPair) -> list[str]:
    """Why two rows are not comparable."""
    left, right = pair.baseline, pair.candidate
    if left.condition != right.condition:
        return [f"different conditions: {left.condition or 'clean'} and {right.condition or 'clean'}"]
    found = []
    if baseline.conditions.get(left.condition) != candidate.conditions.get(right.condition):
        found.append(f"the condition {left.condition} was made in another way (its fingerprint differs)")
    if left.reference != right.reference:
        found.append(
            f"scored against {left.reference} recordings in the baseline, {right.reference} ones in the candidate"
        )
    return found


def column_obstacles(baseline: Measurements, candidate: Measurements, label: str) -> list[str]:
    """Why a metric means something else in the two runs, or is in one of them only."""
    left, right = baseline.columns.get(label), candidate.columns.get(label)
    if left is None or right is None:
        return [_absent(baseline, candidate, label)]
    if left.version != right.version:
        return [f"different versions of the metric: {left.version} and {right.version}; make the baseline again"]
    if (left.scale, left.unit, left.better) != (right.scale, right.unit, right.better):
        return [f"the metric has another unit or direction: {_meaning(left)} and {_meaning(right)}"]
    aligned = [column.fingerprint.endswith(f"/{ALIGNED}") for column in (left, right)]
    if aligned[0] != aligned[1]:
        with_it, without = ("baseline", "candidate") if aligned[0] else ("candidate", "baseline")
        return [f"the decoded audio of the {with_it} was aligned (--align), that of the {without} was not"]
    if left.fingerprint != right.fingerprint:
        what = _changed_packages(baseline.provenance, candidate.provenance)
        if own := changed_parts(left.parts, right.parts):
            what += f": {own} changed"
        return [f"the metric is computed in another way (its fingerprint differs{what}); make the baseline again"]
    return []


def nothing_scored(left: Mapping[str, UtteranceScore]) -> list[str]:
    """Whether the baseline has no score at all: then no candidate could ever be worse, and more data would not help."""
    statuses = [score.status for score in left.values()]
    if not statuses or "ok" in statuses:
        return []
    why = ", ".join(f"{statuses.count(status)} × {status}" for status in dict.fromkeys(statuses))
    return [f"the baseline has no score in this metric ({why}): make it again, or leave the metric out of the gate"]


def lost_coverage(left: Mapping[str, UtteranceScore], right: Mapping[str, UtteranceScore], limit: MetricLimit) -> str:
    """Which utterances the baseline scored and the candidate did not; empty where the gate allows as many."""
    scored = sum(o.status == "ok" for o in left.values())
    after = (right[u].status if u in right else "missing" for u, o in left.items() if o.status == "ok")
    lost = [status for status in after if status != "ok"]
    if len(lost) <= limit.max_coverage_drop * scored:
        return ""
    why = ", ".join(f"{lost.count(status)} × {status}" for status in dict.fromkeys(lost))
    return (
        f"coverage fell: {len(lost)} of the {scored} utterances that the baseline scored have no score in the "
        f"candidate ({why})"
    )


def drift_obstacles(
    baseline: Measurements, candidate: Measurements, column: ComparedMetric, limit: MetricLimit
) -> list[str]:
    """Whether the recordings themselves score differently, so that the measuring changed and not only the codec."""
    left, right = (m.of(REFERENCE, column.label) for m in (baseline, candidate))
    common = scored_in_both(left, right)
    if not common:
        return []
    values = [
        column.scale * sum(side[u].numerator for u in common) / sum(side[u].denominator for u in common)
        for side in (left, right)
    ]
    allowed = DRIFT * limit.threshold * (abs(values[0]) / 100 if limit.relative else 1)
    if abs(values[1] - values[0]) <= allowed + 1e-9 * abs(values[0]):
        return []
    return [
        f"the recordings themselves score {values[0]:.{column.digits + 1}f} in the baseline and "
        f"{values[1]:.{column.digits + 1}f} in the candidate: the measuring changed"
    ]


def _absent(baseline: Measurements, candidate: Measurements, label: str) -> str:
    in_baseline = label in baseline.columns
    side, other = ("candidate", candidate) if in_baseline else ("baseline", baseline)
    if not in_baseline and label not in candidate.columns:
        return "no run has this metric"
    name = label.partition("[")[0]
    variants = [c.label for c in other.columns.values() if c.name == name]
    if variants and name in ERROR_RATES:
        there = f"{', '.join(variants)} in the {side}"
        return f"different recogniser: {label} in the {'baseline' if in_baseline else 'candidate'}, {there}"
    if variants:
        return f"the {side} has {', '.join(variants)} instead"
    return f"the {side} does not have this metric"


def _meaning(column: ComparedMetric) -> str:
    return f"{column.unit or 'a number'} (scale {column.scale:g}, {column.better or 'neither direction'} is better)"


def _changed_packages(left: Mapping[str, Any], right: Mapping[str, Any]) -> str:
    old, new = (side.get("packages") or {} for side in (left, right))
    changed = [f"{n} {old.get(n)} → {new.get(n)}" for n in sorted({*old, *new}) if old.get(n) != new.get(n)]
    if left.get("resampler") != right.get("resampler"):
        changed.insert(0, f"resampler {left.get('resampler')} → {right.get('resampler')}")
    if not changed:
        return ""
    more = f" and {len(changed) - 4} more" if len(changed) > 4 else ""
    return f"; packages that differ: {', '.join(changed[:4])}{more}"
