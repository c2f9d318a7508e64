"""Which runs can stand in one table: what is compared must have been measured in the same way on the same data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codec_bench.runs.directory import Run

KINDS = ("reconstruction", "probe", "tokens", "speed")
"""The order in which a report shows them."""

_SHARED_PARTS = ("dataset", "systems", "conditions", "metrics", "seed")
"""Parts of a plan that may differ; everything else is a setting of its kind and must be equal."""


@dataclass(frozen=True)
class RunGroup:
    """The runs of one table.

    Attributes:
        runs: At least one.
        apart: Why they have a separate table although another one is on the same data set; empty if there is none.
    """

    runs: tuple[Run, ...]
    apart: str = ""


def group_runs(runs: Sequence[Run]) -> list[RunGroup]:
    """Puts runs together that can be compared, by kind and then in the order given; a run given twice counts once."""
    different = list({run.path.resolve(): run for run in runs}.values())
    names = run_names(different)
    groups: list[RunGroup] = []
    for run in sorted(different, key=lambda r: KINDS.index(r.kind) if r.kind in KINDS else len(KINDS)):
        apart = ""
        for i, group in enumerate(groups):
            reasons = [difference(member, run) for member in group.runs]
            if not any(reasons):
                groups[i] = RunGroup((*group.runs, run), group.apart)
                break
            first = group.runs[0]
            if not apart and (first.kind, _dataset(first)["name"]) == (run.kind, _dataset(run)["name"]):
                own, other = names[different.index(run)], names[different.index(first)]
                apart = f"Not in one table with {other}: {own} {next(r for r in reasons if r)}."
        else:
            groups.append(RunGroup((run,), apart))
    return groups


def difference(one: Run, other: Run) -> str:
    """Why the numbers of `other` cannot stand next to those of `one`: `has other utterances (24, not 6)`; or ""."""
    return next(_differences(one, other), "")


def _differences(one: Run, other: Run) -> Iterator[str]:
    if one.kind != other.kind:
        yield f"is of another kind ({other.kind}, not {one.kind})"
    mine, theirs = _dataset(one), _dataset(other)
    if mine["name"] != theirs["name"]:
        yield f"is on another data set ({theirs['name']}, not {mine['name']})"
    if not mine.get("manifest_sha256") or mine["manifest_sha256"] != theirs.get("manifest_sha256"):
        counts = (theirs["utterances"], mine["utterances"])
        yield "has other utterances" + (f" ({counts[0]}, not {counts[1]})" if counts[0] != counts[1] else "")
    shared = [label for label in one.metrics if label in other.metrics]
    if not shared:
        yield "has no column in common with it"
    if changed := [m for m in shared if one.metrics[m]["fingerprint"] != other.metrics[m]["fingerprint"]]:
        yield f"has another version or setting of {', '.join(changed)}"
    if one.info["provenance"]["resampler"] != other.info["provenance"]["resampler"]:
        yield "has another resampler"
    settings = _settings(one), _settings(other)
    if changed := [key for key in settings[0] | settings[1] if settings[0].get(key) != settings[1].get(key)]:
        yield f"has other settings ({', '.join(_changes(*settings, changed))})"
    if _machine(one) != _machine(other):
        yield "was measured on another machine"
    before, after = _conditions(one), _conditions(other)
    if changed := [label for label in before if label in after and before[label] != after[label]]:
        yield f"has another version or reference of the condition {', '.join(changed)}"


def run_names(runs: Sequence[Run]) -> list[str]:
    """The folder's name of each run, with as many folders above it as tell them apart."""
    parts = [run.path.resolve().parts for run in runs]
    for length in range(1, max(map(len, parts), default=1) + 1):
        names = ["/".join(p[-length:]) for p in parts]
        if len(set(names)) == len(names):
            return names
    return [str(run.path) for run in runs]


def _dataset(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = run.info["plan"]["dataset"]
    return found


def _settings(run: Run) -> dict[str, Any]:
    """What the plan of a kind holds besides the parts of all plans: how a probe is trained, how often is measured.

    Empty and absent are the same, so that a run stays comparable with one of before there was the setting.
    """
    return {key: value for key, value in run.info["plan"].items() if key not in _SHARED_PARTS and value}


def _changes(mine: Mapping[str, Any], theirs: Mapping[str, Any], keys: Iterable[str]) -> Iterator[str]:
    """`steps 10, not 20`: what of some settings differs."""
    for key in keys:
        one, other = mine.get(key), theirs.get(key)
        if isinstance(one or other, dict):
            one, other = one or {}, other or {}
            yield from _changes(one, other, [k for k in one | other if one.get(k) != other.get(k)])
        elif any(isinstance(value, dict | list) for value in (one, other)):
            yield key
        else:
            yield f"{key} {'none' if other is None else other}, not {'none' if one is None else one}"


def _machine(run: Run) -> tuple[Any, ...]:
    """What the numbers of a speed run belong to; those of other kinds are the same anywhere."""
    if run.kind != "speed":
        return ()
    provenance = run.info["provenance"]
    return provenance.get("host"), provenance.get("cpu"), provenance.get("cores"), str(run.info.get("devices"))


def _conditions(run: Run) -> dict[str, tuple[Any, ...]]:
    """What each condition is, and which recording its rows are scored against."""
    found = {c["label"]: c.get("fingerprint") for c in run.info["plan"].get("conditions", [])}
    against: dict[str, set[str]] = {}
    for system in run.systems.values():
        if system.get("condition") and system["group"] != "reference":
            against.setdefault(system["condition"], set()).add(system.get("reference", "clean"))
    return {label: (fingerprint, sorted(against.get(label, ()))) for label, fingerprint in found.items()}
