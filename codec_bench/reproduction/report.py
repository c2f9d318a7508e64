"""A reproduction as text and files: published, measured, difference and interval side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from codec_bench.csv_files import write_frame
from codec_bench.files import write_atomically
from codec_bench.grids import Grid, escape
from codec_bench.reproduction.judging import Agreement, JudgedCell, Reproduction, is_number
from codec_bench.reproduction.paper import PublishedRow, PublishedTable

MARKS = {Agreement.WITHIN: "✓", Agreement.OUTSIDE: "✗", Agreement.NOT_RUN: "–", Agreement.UNJUDGED: "?"}
"""A mark and its words always stand together, so that nothing hangs on a sign alone."""


def comparison_grid(result: Reproduction) -> Grid:
    """One line per row and column that was measured, or could have been."""
    headings = ("row", "column", "published", "measured", "difference", "95 % interval", "n", "verdict")
    return Grid(headings, [_line(cell) for cell in result.cells], "Published and measured", right=range(2, 6))


def published_grid(table: PublishedTable) -> Grid:
    """The published table."""
    with_rate = any(row.kbps is not None for row in table.rows)
    headings = ["row", *(["kbps"] if with_rate else []), *(c.heading for c in table.columns.values()), "system"]
    lines = []
    for row in table.rows:
        rate = [_marked(row, "kbps", f"{row.kbps:g}" if row.kbps else "")] if with_rate else []
        values = [_marked(row, key, _value(table, row, key)) for key in table.columns]
        lines.append((table.label(row), *rate, *values, row.system or "none"))
    return Grid(headings, lines, "As published", right=range(1, len(headings) - 1))


def footnotes(result: Reproduction) -> list[str]:
    """What a reader must know: the protocol, what is doubtful, the tolerances and their reasons."""
    table, protocol = result.table, result.table.protocol
    notes = list(result.notes)
    data = protocol.dataset or ", ".join(table.datasets.values())
    how = [f"data set {data}" if data else f"no data set ({protocol.why})"]
    how += [f"{protocol.sample_rate / 1000:g} kHz"] if protocol.sample_rate else []
    how += [f"recogniser {protocol.asr}"] if protocol.asr and any("wer" in c for c in table.columns) else []
    how += [f"tracker {protocol.tracker}"] if protocol.tracker else []
    notes.append(f"Protocol: {', '.join(how)}.")
    if protocol.unstated:
        notes.append(f"Not stated by the paper: {'; '.join(protocol.unstated)}.")
    for key in dict.fromkeys(cell.key for cell in result.cells if cell.measured is not None):
        column = table.columns[key]
        if column.tolerance is not None:
            unit = " points" if column.unit == "%" else f" {column.unit}".rstrip()
            notes.append(f"{column.title}: tolerance {column.tolerance:g}{unit}, {column.because}.")
    notes += [
        f"* {table.label(row)}, {table.columns[key].title if key in table.columns else key}: doubtful: {why}."
        for row in table.rows
        for key, why in row.doubtful.items()
    ]
    notes += [f"{table.label(row)}: {row.note}." for row in table.rows if row.note]
    notes += [f"{note[:1].upper()}{note[1:]}." for note in table.notes]
    return notes


def markdown(result: Reproduction) -> str:
    """The whole as Markdown: what was measured, what was not, what was published, and the notes."""
    table = result.table
    parts = [f"# {table.id}: {table.caption}", f"Kind: {table.kind}. Source: {table.where}."]
    warnings = [note for note in result.notes if note.isupper() or note[:6].isupper()]
    parts += [f"**{escape(note)}**" for note in warnings]
    if result.cells:
        parts.append(_headed(comparison_grid(result)))
    if result.absent:
        lines = "\n".join(f"- {escape(line)}" for line in not_run(result))
        parts.append(f"## Not run\n\n{lines}")
    if result.commands:
        parts.append("## What would measure it\n\n```sh\n" + "\n".join(result.commands) + "\n```")
    parts.append(_headed(published_grid(table)))
    rest = [note for note in footnotes(result) if note not in warnings]
    parts.append("## Notes\n\n" + "\n".join(f"- {escape(note)}" for note in rest))
    return "\n\n".join(parts) + "\n"


def not_run(result: Reproduction) -> list[str]:
    """`row, row: reason` for the rows that were not measured; a reason that they share is said once."""
    rows: dict[str, list[str]] = {}
    for absence in result.absent:
        rows.setdefault(absence.reason, []).append(absence.row)
    return [f"{', '.join(names)}: {reason}" for reason, names in rows.items()]


def frame(result: Reproduction) -> pd.DataFrame:
    """One row per row and column of the table, for programs."""
    return pd.DataFrame([_record(result.table, cell) for cell in result.cells], columns=list(_FIELDS))


_FIELDS = (
    "table", "row", "column", "metric", "unit", "published", "measured", "difference", "tolerance", "ci_low", "ci_high",
    "published_in_interval", "n", "n_expected", "verdict", "reason",
)  # fmt: skip


def _record(table: PublishedTable, cell: JudgedCell) -> dict[str, Any]:
    values = (
        table.id, cell.row, cell.key, cell.metric, cell.column.unit, cell.published, cell.measured, cell.difference,
        cell.column.tolerance, cell.low, cell.high, cell.inside_interval, cell.n, cell.expected, cell.verdict.value,
        cell.reason,
    )  # fmt: skip
    return dict(zip(_FIELDS, values, strict=True))


def as_json(result: Reproduction) -> dict[str, Any]:
    """The whole for programs; no NaN, no infinity."""
    table = result.table
    return {
        "table": table.id,
        "caption": table.caption,
        "kind": table.kind,
        "cells": [_record(table, cell) for cell in result.cells],
        "not_run": [{"row": absence.row, "reason": absence.reason} for absence in result.absent],
        "commands": list(result.commands),
        "runs": [str(run.path) for run in result.runs],
        "notes": footnotes(result),
    }


def write(result: Reproduction, folder: Path) -> None:
    """Writes `reproduction.md`, `.csv` and `.json`.

    Raises:
        CodecBenchError: The folder cannot be written.
    """
    write_atomically(folder / "reproduction.md", markdown(result).encode())
    write_frame(folder / "reproduction.csv", frame(result))
    text = json.dumps(as_json(result), indent=1, allow_nan=False, ensure_ascii=False)
    write_atomically(folder / "reproduction.json", (text + "\n").encode())


def _line(cell: JudgedCell) -> list[str]:
    column, measured, difference = cell.column, cell.measured, cell.difference
    digits = f".{column.digits + 1}f"  # a decimal more than was published, so that rounding is seen
    return [
        cell.row,
        column.heading,
        column.text(cell.published),
        format(measured, ".6g" if column.fact else digits) if is_number(measured) else column.text(measured),
        "" if difference is None else format(difference, "+.3g" if column.fact else f"+{digits}"),
        "" if cell.low is None or cell.high is None else f"{cell.low:{digits}} .. {cell.high:{digits}}",
        f"{cell.n}/{cell.expected}" if cell.expected else "",
        f"{MARKS[cell.verdict]} {cell.verdict.value}" + (f": {cell.reason}" if cell.reason else ""),
    ]


def _value(table: PublishedTable, row: PublishedRow, key: str) -> str:
    text = table.columns[key].text(table.published(row)[key])
    if row.spread and (spread := row.spread[list(table.columns).index(key)]) is not None:
        return f"{text} ± {spread:g}"
    return text


def _marked(row: PublishedRow, key: str, text: str) -> str:
    return f"{text} *" if key in row.doubtful else text


def _headed(grid: Grid) -> str:
    return f"## {grid.title}\n\n{grid.markdown().rstrip()}"
