"""What a reader must know about a run before its numbers, and what made them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codec_bench.discretion import discreet_info
from codec_bench.runs.directory import Run

KINDS = {
    "reconstruction": "Reconstruction",
    "probe": "Probes on tokens and embeddings",
    "tokens": "Token statistics",
    "speed": "Speed",
}


@dataclass(frozen=True)
class Overview:
    """A run in words: `facts` and `provenance` are names and values, `files` the weights as owner, file and digest."""

    title: str
    folder: str
    status: str
    facts: list[tuple[str, str]]
    warnings: list[str]
    failures: list[str]
    provenance: list[tuple[str, list[tuple[str, str]]]]
    files: list[tuple[str, str, str]]
    raw: str


def overview(run: Run) -> Overview:
    """Reads `run.json`; what an older version did not write is left out."""
    info = discreet_info(run.info)
    data, made = info["plan"]["dataset"], info.get("provenance", {})
    sessions = info.get("sessions", [])
    when = next((s[key] for s in reversed(sessions) for key in ("ended", "started") if key in s), "")
    counted = f"{data['utterances']}" + (f", {data['speakers']} speakers" if data.get("speakers") else "")
    if drawn := data.get("sample"):
        counted += f" (sample of {drawn['of']} utterances, {drawn['speakers_of']} speakers, seed {drawn['seed']})"
    facts = [
        ("Data set", f"{data['name']}: {data['title']}" if data.get("title") else data["name"]),
        ("Utterances", counted),
        ("Systems", f"{len(run.systems)} rows, {len(run.metrics)} columns"),
        ("Date", when.replace("T", " ").replace("+00:00", " UTC")),
        ("codec-bench", " ".join(part for part in (made.get("codec_bench", ""), _commit(made.get("git"))) if part)),
        ("Resampler", made.get("resampler", "")),
        ("Licence", data.get("licence", "")),
    ]
    warnings = [str(w) for w in dict.fromkeys(info.get("warnings", []))]
    if data.get("synthetic"):
        warnings.insert(0, "The speech is synthetic: these numbers compare with no published ones.")
    return Overview(
        title=f"{KINDS.get(run.kind, run.kind)}: {data['name']}",
        folder=run.path.resolve().name,
        status=str(info.get("status", "")),
        facts=[(name, value) for name, value in facts if value],
        warnings=warnings,
        failures=run.failures if "coverage" in info else [],
        provenance=_provenance(info, made),
        files=_files(run),
        raw=json.dumps(info, indent=2, ensure_ascii=False),
    )


def _commit(git: Mapping[str, Any] | None) -> str:
    if not git or not git.get("commit"):
        return ""
    return f"(commit {git['commit'][:12]}{', changed' if git.get('dirty') else ''})"


def _provenance(info: Mapping[str, Any], made: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    machine = [(name, made.get(key)) for name, key in (
        ("Python", "python"), ("Platform", "platform"), ("Processor", "cpu"), ("Cores", "cores"),
    )]  # fmt: skip
    devices = [(f"Device of {name}", device) for name, device in info.get("devices", {}).items()]
    parts: list[tuple[str, list[tuple[str, Any]]]] = [
        ("Command", [("Command", shlex.join(str(part) for part in made.get("command", [])))]),
        ("Left out", [("Left out", made.get("left_out"))]),
        ("Machine", machine + devices),
        ("Data set", [(k.replace("_", " "), v) for k, v in info["plan"]["dataset"].items()]),
        ("Intervals", list(info.get("intervals", {}).items())),
        ("Packages", list(made.get("packages", {}).items())),
        ("Options", list(info.get("config", {}).items())),
    ]
    parts += [(f"Session {i}", list(s.items())) for i, s in enumerate(info.get("sessions", []), 1)]
    return [(title, [(n, _plain(v)) for n, v in rows if _plain(v)]) for title, rows in parts if rows]


def _files(run: Run) -> list[tuple[str, str, str]]:
    found = {
        (name.partition("@")[0], path, digest): None
        for kind, group in (("", run.systems), ("metric ", run.metrics))
        for label, entry in group.items()
        for path, digest in (entry.get("weights") or {}).items()
        for name in [kind + str(entry.get("system", label))]
    }
    return list(found)


def _plain(value: Any) -> str:
    """A value for people; empty if nothing was given."""
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(v) for v in value)
    return str(value)
