"""What of a run that a directory holds another plan would change or drop: it may only add."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codec_bench.reconstruction.plan import Plan
from codec_bench.runs.directory import MANIFEST, Run


def difference(plan: Plan, described: Mapping[str, Any], previous: Run) -> str:
    """What a plan changes or drops, in words; empty if it continues the run.

    Args:
        plan: The new plan; it may only add systems, metrics and utterances.
        described: The same as `run.json` keeps it.
        previous: The run that is there.
    """
    old = previous.info["plan"]
    for name, what in (("seed", f"its seed is {old['seed']}"), ("align", _alignment(old))):
        if old.get(name) != described.get(name):
            return what
    for kind in ("system", "metric"):
        made = {entry["label"]: entry["fingerprint"] for entry in described[f"{kind}s"]}
        for entry in old[f"{kind}s"]:
            label = entry["label"]
            if entry.get("imported"):
                return f"it has imported {label} results (codec-bench ratings {previous.path} --remove takes them out)"
            if label not in made:
                return f"it has the {kind} {label}, which is not asked for now"
            if made[label] != entry["fingerprint"]:
                return f"its {kind} {label} is another version"
    file = previous.path / MANIFEST
    manifest = file.read_text(encoding="utf-8") if file.exists() else ""
    if not set(manifest.splitlines()) <= set(plan.manifest.decode().splitlines()):
        return f"it has other utterances (data set {old['dataset']['name']})"
    return ""


def _alignment(old: Mapping[str, Any]) -> str:
    return f"it was scored {'with' if old.get('align') else 'without'} --align"
