"""What of a run that a directory holds another plan would change or drop: it may only add."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codec_bench.csv_files import rows_of
from codec_bench.discretion import discreet
from codec_bench.reconstruction.plan import Plan
from codec_bench.runs.directory import Run, lasting


def difference(plan: Plan, described: Mapping[str, Any], previous: Run) -> str:
    """What a plan, `described` as `run.json` keeps it, changes or drops, in words; empty if it continues the run."""
    old, described = discreet(previous.info["plan"]), discreet(described)
    alignment = f"it was scored {'with' if old.get('align') else 'without'} --align"
    for name, what in (("seed", f"its seed is {old['seed']}"), ("align", alignment)):
        if old.get(name) != described.get(name):
            return what
    for kind in ("system", "metric"):
        made = {entry["label"]: lasting(entry) for entry in described[f"{kind}s"]}
        for entry in old[f"{kind}s"]:
            label = entry["label"]
            if entry.get("imported"):
                return f"it has imported {label} results (codec-bench ratings {previous.path} --remove takes them out)"
            if label not in made:
                return f"it has the {kind} {label}, which is not asked for now"
            if made[label] != lasting(entry):
                return f"its {kind} {label} is another version"
    # Of equal data sets the file does not matter, and is written anew.
    if old["dataset"]["manifest_sha256"] != described["dataset"]["manifest_sha256"]:
        new = {tuple(row) for row in rows_of(plan.manifest)[1:]}
        if not set(previous.utterances.itertuples(index=False, name=None)) <= new:
            return f"it has other utterances (data set {old['dataset']['name']})"
    return ""
