"""Whether a plan continues the run that a directory holds, and which directory a plan takes by itself."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from codec_bench.errors import UsageError
from codec_bench.reconstruction.plan import Plan
from codec_bench.runs.directory import read_info, slug


def check_continues(old: dict[str, Any], old_manifest: str, plan: Plan, out: Path) -> None:
    """Refuses to write a plan over a run that it does not contain.

    Args:
        old: `plan` of the `run.json` that is there.
        old_manifest: The `utterances.csv` that is there.
        plan: The new plan; it may only add systems, metrics and utterances.
        out: The run directory, for the message.

    Raises:
        UsageError: The new plan changes or drops something.
    """
    new = plan.describe()
    what = ""
    if old["seed"] != new["seed"]:
        what = f"its seed is {old['seed']}"
    for kind, key in (("system", "label"), ("metric", "label")):
        made = {entry[key]: entry["fingerprint"] for entry in new[f"{kind}s"]}
        for entry in old[f"{kind}s"]:
            if entry.get("imported"):
                what = (
                    what or f"it has imported {entry[key]} results (codec-bench ratings {out} --remove takes them out)"
                )
            elif entry[key] not in made:
                what = what or f"it has the {kind} {entry[key]}"
            elif made[entry[key]] != entry["fingerprint"]:
                what = what or f"its {kind} {entry[key]} is another version"
    if not set(old_manifest.splitlines()) <= set(plan.manifest.decode().splitlines()):
        what = what or f"it has other utterances (data set {old['dataset']['name']})"
    if what:
        raise UsageError(f"{out} holds a run of another plan: {what}; choose another --out, or ask for at least that")


def default_folder(plan: Plan) -> Path:
    """`runs/<date>-<codecs>-<dataset>`; with a number behind it where another plan is there already."""
    codecs = dict.fromkeys(s.system.label.partition("@")[0] for s in plan.systems if s.spec.group.value != "reference")
    name = "-".join([date.today().isoformat(), *map(slug, codecs), slug(plan.dataset.name)])[:120]
    for number in range(1, 1000):
        folder = Path("runs") / (name if number == 1 else f"{name}-{number}")
        previous = read_info(folder)
        if previous is None:
            return folder
        try:
            manifest = (folder / "utterances.csv").read_text(encoding="utf-8")
            check_continues(previous["plan"], manifest, plan, folder)
        except (UsageError, OSError):
            continue
        return folder
    raise UsageError("runs/ holds a thousand runs of this name: give --out")
