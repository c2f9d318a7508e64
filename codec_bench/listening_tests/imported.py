"""What an import of results is, whatever the kind of the test: what it found, and the files that it leaves in a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from codec_bench.csv_files import write_frame
from codec_bench.files import file_digest, write_atomically
from codec_bench.listening_tests.key import Key
from codec_bench.runs import provenance
from codec_bench.runs.directory import Run

FAMILY = "Listening tests"
FILES = {"mushra": "ratings", "abx": "abx", "dcr": "dcr", "drt": "drt"}
"""Stem of the files that an import leaves in the run."""

Lines = list[dict[str, str]]
"""Lines of a table for people: heading and text."""


@dataclass(frozen=True)
class Imported:
    """What an import found.

    Attributes:
        rows: One entry per system, anchor or pair.
        listeners: How many are counted.
        excluded: Excluded ones with their reasons.
        column: Whether the run's tables have a column now.
        differences: One entry per pair of systems, where opinions were asked.
    """

    kind: str
    rows: Lines
    listeners: int
    excluded: list[str]
    warnings: list[str]
    files: list[Path]
    column: bool
    differences: Lines = field(default_factory=list)


def interval_text(low: float | None, high: float | None, digits: int = 1) -> str:
    """An interval as tables show it."""
    return "–" if low is None or high is None else f"{low:.{digits}f} .. {high:.{digits}f}"


def p_text(p: float | None) -> str:
    """A p-value as tables show it."""
    return "–" if p is None else f"{p:.2g}"


def numbered(names: Sequence[str]) -> dict[str, str]:
    """Numbers instead of what listeners entered."""
    return {name: f"L{number:03d}" for number, name in enumerate(names, 1)}


def source_of(results: Path, key: Key, **counts: int) -> dict[str, Any]:
    """Where a column comes from, as `run.json` keeps it."""
    return {
        "kind": key.kind,
        "test_id": key.test_id,
        "file": results.name,
        "sha256": file_digest(results),
        "key": key.fingerprint,
        "imported": provenance.now(),
        **counts,
    }


def content_of(source: Mapping[str, Any]) -> dict[str, str]:
    """What decides the values of a column."""
    return {"results": source["sha256"], "key": source["key"]}


def write_files(run: Run, kind: str, report: Mapping[str, Any], answers: pd.DataFrame) -> list[Path]:
    """Writes every answer as CSV and the report as JSON into a run."""
    table, text = (run.path / f"{FILES[kind]}{suffix}" for suffix in (".csv", ".json"))
    write_frame(table, answers)
    plain = json.dumps(report, indent=1, allow_nan=False, ensure_ascii=False)
    write_atomically(text, f"{plain}\n".encode())
    return [table, text]
