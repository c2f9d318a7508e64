"""A comparison as plain data, for programs."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from codec_bench.comparison import wording
from codec_bench.comparison.compare import WORST, Comparison, MetricComparison
from codec_bench.comparison.measurements import Measurements

SCHEMA = 2


def as_json(comparison: Comparison) -> dict[str, Any]:
    """All that is known of a comparison; numbers are finite, absent ones are null."""
    return {
        "schema": SCHEMA,
        "verdict": comparison.verdict.value,
        "exit_code": comparison.exit_code,
        "headline": wording.headline(comparison),
        "baseline": _side(comparison.baseline),
        "candidate": _side(comparison.candidate),
        "gate": {"source": comparison.gate.source, **comparison.gate.settings.model_dump()},
        "tests": comparison.tests,
        "obstacles": list(comparison.obstacles),
        "notes": list(comparison.notes),
        "results": [_result(r) for r in comparison.results],
    }


def _side(measured: Measurements) -> dict[str, Any]:
    facts = ("name", "utterances", "speakers", "manifest_sha256")
    return {"source": measured.source, "dataset": {k: measured.dataset.get(k) for k in facts}}


def _result(result: MetricComparison) -> dict[str, Any]:
    paired = result.paired
    return {
        "baseline_system": result.pair.baseline.label,
        "candidate_system": result.pair.candidate.label,
        "metric": result.column.label,
        "unit": result.column.unit,
        "better": result.column.better,
        "verdict": result.verdict.value,
        "reasons": list(result.reasons),
        "limit": None if result.limit is None else asdict(result.limit),
        "p_corrected": result.corrected,
        "clustered_by": result.unit,
        "worst_speakers": [asdict(change) | {"difference": change.difference} for change in result.speakers[:WORST]],
        "n_expected": result.expected,
        "paired": paired and _finite(asdict(paired) | {"difference": paired.difference, "relative": paired.relative}),
        "worst": [asdict(changed) for changed in result.worst],
    }


def _finite(numbers: dict[str, Any]) -> dict[str, Any]:
    """The interval of a single utterance has no ends."""
    return {name: value if value is None or math.isfinite(value) else None for name, value in numbers.items()}
