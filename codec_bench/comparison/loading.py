"""Reads what is compared: a run directory or a baseline file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd

from codec_bench.comparison.baseline import load_baseline
from codec_bench.comparison.measurements import ComparedMetric, Measurements, Parts, SystemRow, UtteranceScore, rounded
from codec_bench.errors import NoBaselineError, UsageError
from codec_bench.registry import unknown
from codec_bench.runs.directory import Run, load_run

_NEEDED = ("system", "utterance", "speaker", "metric", "value", "status", "numerator", "denominator")


def load_measurements(path: str | Path, *, is_baseline: bool = False) -> Measurements:
    """Reads the directory of a finished run, or a file that `codec-bench baseline save` wrote.

    Raises:
        NoBaselineError: It is to be the baseline and does not exist.
        UsageError: It is neither, or cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        return measurements_of(load_run(path))
    if path.is_file():
        return load_baseline(path)
    near = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
    # A name that is nearly there is misspelt: a job that takes "no baseline yet" as a warning must not go on with that.
    alike = get_close_matches(path.name.partition(".")[0], [name.partition(".")[0] for name in near], n=1, cutoff=0.8)
    if is_baseline and not alike:
        raise NoBaselineError(
            f"there is no baseline yet: {path} does not exist; make it with codec-bench baseline save RUN --out {path}"
        )
    if near:
        raise UsageError(f"{path} does not exist: {unknown('run or baseline', path.name, near)}")
    raise UsageError(f"{path} does not exist: give a run directory, or a file of codec-bench baseline save")


def measurements_of(run: Run) -> Measurements:
    """The per-utterance scores of a run; metrics whose value belongs to the whole set, such as FAD, are left out.

    Raises:
        UsageError: The run keeps no scores per utterance.
    """
    if not run.file("scores.parquet").is_file():
        raise UsageError(
            f"{run.path} is a run of kind {run.kind}, which keeps no scores per utterance (scores.parquet): "
            "there is nothing to pair"
        )
    frame = run.scores
    if absent := [c for c in _NEEDED if c not in frame]:
        raise UsageError(f"{run.path / 'scores.parquet'} has no column {absent[0]!r}: codec-bench did not write it")
    plan = run.info["plan"]
    # A run does not state the scale of a metric: it is that of its first score.
    good = frame[(frame["status"] == "ok") & (frame["numerator"] != 0)].drop_duplicates("metric").set_index("metric")
    scales = good["value"] * good["denominator"] / good["numerator"]
    columns = {
        m["label"]: ComparedMetric(
            **{key: m[key] for key in ("label", "name", "title", "unit", "better", "digits", "version", "fingerprint")},
            scale=float(f"{scales.get(m['label'], 100.0 if m['unit'] == '%' else 1.0):.6g}"),
            parts=_parts_of_sources(m.get("identity", [])),
        )
        for m in plan["metrics"]
        # The value of a whole set (FAD) is not a mean of scores, so there is nothing to pair and test.
        if m.get("pooling", "utterances") == "utterances"
    }
    frame = frame[frame["metric"].isin(list(columns))]
    speakers = frame[["utterance", "speaker"]].drop_duplicates("utterance").sort_values("utterance")
    systems = {
        label: SystemRow(
            label, s.get("system") or label, s.get("condition") or "", s.get("reference") or "clean",
            s.get("fingerprint", ""),
            _parts(s),
            s.get("identity", {}).get("is_lasting", True),
        )
        for label, s in run.systems.items()
    }  # fmt: skip
    return Measurements(
        source=str(run.path),
        kind=run.kind,
        dataset=plan["dataset"],
        columns=columns,
        systems=systems,
        conditions={c["label"]: c["fingerprint"] for c in plan.get("conditions", [])},
        speakers={str(u): s if isinstance(s, str) and s else None for u, s in speakers.itertuples(index=False)},
        scores=_scores(frame),
        provenance=run.info["provenance"],
        run=run,
    )


def _parts_of_sources(sources: Sequence[Mapping[str, Any]]) -> Parts:
    """What the code of a plug-in is made of, with that of what it takes from other plug-ins."""
    kinds = ("modules", "files", "packages", "variables") if sources else ()
    return {kind: {name: v for source in sources for name, v in source[kind].items()} for kind in kinds}


def _parts(system: Mapping[str, Any]) -> dict[str, dict[str, str | None]]:
    """What the fingerprint of a system is made of, as far as `run.json` says."""
    identity = system.get("identity", {})
    parts = {name: identity.get(name, {}) for name in ("modules", "files", "packages", "variables")}
    state = {"parameters and settings": identity["state"]} if identity.get("state") else {}
    return {"weights": dict(system.get("weights", {})), **{k: dict(v) for k, v in parts.items()}, "state": state}


def _scores(frame: pd.DataFrame) -> dict[str, dict[str, dict[str, UtteranceScore]]]:
    scores: dict[str, dict[str, dict[str, UtteranceScore]]] = {}
    columns = [frame[c] for c in ("system", "metric", "utterance", "numerator", "denominator", "status")]
    for system, metric, utterance, top, bottom, status in zip(*columns, strict=True):
        ok = status == "ok" and math.isfinite(top) and math.isfinite(bottom) and bottom > 0
        found = UtteranceScore(rounded(top), rounded(bottom)) if ok else UtteranceScore(0.0, 0.0, str(status))
        scores.setdefault(str(system), {}).setdefault(str(metric), {})[str(utterance)] = found
    return scores
