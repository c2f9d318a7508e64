"""What of a run that a directory holds another plan would change or drop: it may only add."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codec_bench.reconstruction.plan import Plan
from codec_bench.runs.directory import MANIFEST, Run, lasting


def difference(plan: Plan, described: Mapping[str, Any], previous: Run) -> str:
    """What a plan, `described` as `run.json` keeps it, changes or drops, in words; empty if it continues the run."""
    old = previous.info["plan"]
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
    file = previous.path / MANIFEST
    manifest = file.read_text(encoding="utf-8") if file.exists() else ""
    if not set(manifest.splitlines()) <= set(plan.manifest.decode().splitlines()):
        return f"it has other utterances (data set {old['dataset']['name']})"
    return ""
