"""What there is to show of a run or a comparison, as no tracker in particular wants it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from codec_bench.comparison import Comparison
from codec_bench.comparison.as_json import as_json
from codec_bench.comparison.markdown import markdown
from codec_bench.discretion import discreet_info
from codec_bench.reports.formats.markdown import markdown_page
from codec_bench.reports.table import build_tables
from codec_bench.runs.directory import Run

EXAMPLES = 3
"""Utterances that trackers get to hear, of every system."""

_FILES = ("run.json", "summary.csv", "scores.parquet", "table.md", "report.html")
_COUNTS = ("value", "ci_low", "ci_high", "n", "n_expected")
_DIFFERENCE = ("baseline", "candidate", "difference", "ci_low", "ci_high", "n", "n_expected")


Name = tuple[str, ...]
"""System, metric, and what of it: `("opus@6000", "stoi", "ci_low")`; the value itself has two parts."""


@dataclass(frozen=True)
class Sound:
    """An example to listen to: an audio file of a system, or of a side of a comparison."""

    system: str
    utterance: str
    path: Path


@dataclass(frozen=True)
class Findings:
    """A run or a comparison.

    Attributes:
        title: What people call it: the folder of the run.
        kind: `reconstruction`, `probe`, `tokens`, `speed` or `comparison`.
        numbers: All that are finite; what has no value is in the table alone, with its count.
        table: `summary.csv`, or a row per pair and metric of a comparison; absent values are missing.
        text: The table for people, in Markdown.
        pictures: PNG files, by name.
        sounds: A few, where audio was kept.
        config: The options.
        provenance: Versions, commit, data, machine.
        files: What else is worth keeping.
    """

    title: str
    kind: str
    numbers: Mapping[Name, float]
    table: pd.DataFrame
    text: str
    config: Mapping[str, Any]
    provenance: Mapping[str, Any]
    pictures: Mapping[str, Path] = field(default_factory=dict)
    sounds: tuple[Sound, ...] = ()
    files: tuple[Path, ...] = ()


def of_run(run: Run) -> Findings:
    """What a finished run has to show."""
    summary, info = run.summary, discreet_info(run.info)
    numbers: dict[Name, float] = {}
    for row in summary.to_dict("records"):
        system, metric = str(row["system"]), str(row["metric"])
        numbers |= {(system, "bitrate_kbps"): row["bitrate_kbps"]}
        numbers |= {_name(system, metric, part): row[part] for part in _COUNTS}
    facts = {key: info.get(key) for key in ("kind", "status", "intervals", "devices", "warnings")}
    return Findings(
        title=run.path.resolve().name,
        kind=run.kind,
        numbers=_finite(numbers),
        table=summary,
        text=markdown_page(build_tables([run])),
        config=info["config"],
        provenance={**info["provenance"], "dataset": info["plan"]["dataset"], **facts},
        pictures={path.stem: path for path in sorted((run.path / "plots").glob("*.png"))},
        sounds=tuple(_kept(run)),
        files=tuple(path for name in _FILES if (path := run.file(name)).is_file()),
    )


def of_comparison(comparison: Comparison) -> Findings:
    """What a comparison has to show; its examples are what got worse most."""
    plain = as_json(comparison)
    rows: list[dict[str, Any]] = []
    numbers: dict[Name, Any] = {}
    sounds: list[Sound] = []
    for result in comparison.results:
        paired = result.paired
        found: dict[str, Any] = {"n": paired.n if paired else 0, "n_expected": result.expected}
        if paired is not None:
            found |= {"baseline": paired.baseline, "candidate": paired.candidate, "difference": paired.difference}
            found |= {"ci_low": paired.low, "ci_high": paired.high}
        pair, metric = result.pair.label, result.column.label
        numbers |= {(pair, metric, part): found.get(part) for part in _DIFFERENCE}
        finite = {part: value for part, value in found.items() if math.isfinite(value)}
        rows.append(
            {"system": pair, "metric": metric, "unit": result.column.unit, **dict.fromkeys(_DIFFERENCE), **finite}
            | {"p_corrected": result.corrected, "verdict": result.verdict.value}
        )
        for changed in result.worst:
            sides = zip(("baseline", "candidate")[-len(changed.audio) :], changed.audio, strict=False)
            sounds += [Sound(side, changed.utterance, Path(path)) for side, path in sides]
    heard = dict.fromkeys(sound.utterance for sound in sounds)
    kept = {sound.path: sound for sound in sounds if sound.utterance in [*heard][:EXAMPLES]}
    return Findings(
        title=f"{_stem(comparison.baseline.source)} vs {_stem(comparison.candidate.source)}",
        kind="comparison",
        numbers=_finite({**numbers, ("exit_code",): comparison.exit_code}),
        table=pd.DataFrame(rows),
        text=markdown(comparison),
        config={"gate": plain["gate"], "verdict": plain["verdict"], "headline": plain["headline"]},
        provenance={side: plain[side] for side in ("baseline", "candidate")} | {"notes": plain["notes"]},
        sounds=tuple(kept.values()),
    )


def flat(content: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """Nested options as texts by dotted name, for trackers that keep nothing else; what is unset is left out.

    >>> flat({"seed": 0, "git": {"commit": "1f", "dirty": False}, "out": None, "codec": ["a", "b"]})
    {'seed': '0', 'git.commit': '1f', 'git.dirty': 'False', 'codec': 'a, b'}
    """
    found: dict[str, str] = {}
    for key, value in content.items():
        name = f"{above}.{key}" if above else str(key)
        if isinstance(value, Mapping):
            found |= flat(value, name)
        elif isinstance(value, list | tuple):
            found[name] = ", ".join(map(str, value))
        elif value is not None:
            found[name] = str(value)
    return found


def joined(name: Name) -> str:
    """A name as trackers group them, by slashes; those within a part are none.

    >>> joined(("files:recon/mimi", "stoi", "ci_low"))
    'files:recon_mimi/stoi/ci_low'
    """
    return "/".join(part.replace("/", "_") for part in name)


def _name(system: str, metric: str, part: str) -> Name:
    return (system, metric) if part == "value" else (system, metric, part)


def _finite(numbers: Mapping[Name, Any]) -> dict[Name, float]:
    return {name: float(value) for name, value in numbers.items() if value is not None and math.isfinite(value)}


def _kept(run: Run) -> Iterator[Sound]:
    """The first utterances of as many speakers, where there are so many, through every system."""
    if not (run.path / "audio").is_dir():
        return
    listed = run.utterances
    speakers = listed["speaker"].where(listed["speaker"] != "", listed["id"])
    first = listed["id"][~speakers.duplicated()].tolist()
    for utterance in dict.fromkeys([*first, *listed["id"]][:EXAMPLES] if len(first) < EXAMPLES else first[:EXAMPLES]):
        for system in run.systems:
            path = run.kept("audio", system, utterance)
            if path.is_file():
                yield Sound(system, utterance, path)


def _stem(source: str) -> str:
    return Path(source).name.partition(".json")[0]
