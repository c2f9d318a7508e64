"""A grouped table as the page shows it, and as its plot reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codec_bench.reports.cells import EFFICIENCY_HEADINGS, Cell, Table, TableColumn, TableRow
from codec_bench.reports.html.embedding import compact
from codec_bench.reports.plots.style import COLOURS, GREY
from codec_bench.runs.directory import Run

INK = "#000000"
"""A codec of this colour has that of the text in the page, which changes with the theme."""

MAX_SHOWN = 14
"""A table with more columns begins with its first block alone."""


@dataclass(frozen=True)
class CellView:
    """What a cell shows.

    Attributes:
        block: Position of its block of columns.
        sort: The value in full, for sorting; empty without one.
        value: As printed.
        interval: `±0.052`, half of the interval's length.
        count: `(38)` where some utterances have no value.
        full: Interval ends and n of n.
        rank: 1 is the best of its group, 2 the second best, 0 neither.
    """

    block: int
    sort: str
    value: str
    interval: str
    count: str
    full: str
    rank: int


@dataclass(frozen=True)
class TableView:
    """A table with its columns in the order in which they are shown.

    Attributes:
        name: What tells it from other tables of the page.
        table: The table.
        blocks: Titles, columns, and whether they are shown at first.
        notes: What each column is, by label.
    """

    name: str
    table: Table
    blocks: tuple[tuple[str, tuple[TableColumn, ...], bool], ...]
    notes: Mapping[str, str]

    @property
    def columns(self) -> list[TableColumn]:
        """All columns, block by block."""
        return [c for _, columns, _ in self.blocks for c in columns]

    @property
    def facts(self) -> tuple[str, ...]:
        """Headings of `facts_of`; none where nothing is known of any system."""
        rows = [row for section in self.table.sections for row in section.rows]
        return EFFICIENCY_HEADINGS if any(sort for row in rows for _, sort in self.facts_of(row)) else ()

    def facts_of(self, row: TableRow) -> list[tuple[str, str]]:
        """What a system costs: as printed, and a number for sorting that is empty if unknown."""
        e = row.efficiency
        numbers = (e.tokens_per_second, e.codebooks, e.parameters, e.causal, e.streaming)
        return [(text, "" if n is None else repr(float(n))) for text, n in zip(e.texts, numbers, strict=True)]

    def cells(self, row: TableRow) -> list[CellView]:
        """A row in the order of the columns."""
        return [
            _cell(row.cells.get(column.label), column, block)
            for block, (_, columns, _) in enumerate(self.blocks)
            for column in columns
        ]


def views(runs: Sequence[Run], tables: Sequence[Table], kinds: Mapping[str, str]) -> list[TableView]:
    """Tables for the page.

    Args:
        runs: The runs whose columns the tables have.
        tables: What `build_tables` made.
        kinds: Names for people of the kinds of runs.
    """
    notes = {str(run.path): {label: m.get("note", "") for label, m in run.metrics.items()} for run in runs}
    names = [f"{kinds.get(t.kind, t.kind)}: {t.dataset}" for t in tables]
    found = []
    for table, name in zip(tables, names, strict=True):
        narrow = len(table.columns) <= MAX_SHOWN
        blocks = tuple((title, tuple(columns), narrow or i == 0) for i, (title, columns) in enumerate(table.blocks))
        # The folder tells tables apart that say the same of themselves.
        longer = f"{name} ({', '.join(Path(r).name for r in table.runs)})" if names.count(name) > 1 else name
        known = {label: note for path in table.runs for label, note in notes.get(path, {}).items()}
        found.append(TableView(longer, table, blocks, known))
    return found


def plot_data(shown: Sequence[TableView], runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The tables as the interactive plot reads them; cells are `[value, low, high, n, expected]` or None.

    A codec has the colour and the marker that the static plots give it, in the order in which codecs were requested.
    """
    places = {(str(run.path), label): (i, j) for i, run in enumerate(runs) for j, label in enumerate(run.systems)}
    codecs: dict[str, int] = {}
    for view in shown:
        rows = [row for section in view.table.sections for row in section.rows if row.group != "reference"]
        for row in sorted(rows, key=lambda r: places.get((r.run, r.system), (0, 0))):
            codecs.setdefault(row.codec + _run_of(row), len(codecs))
    return [
        {
            "name": view.name,
            "columns": [{"label": c.label, "heading": c.heading, "digits": c.digits} for c in view.columns],
            "rows": [
                {
                    "label": row.label,
                    "family": row.family + _run_of(row) if row.group != "reference" else row.label,
                    "condition": row.condition,
                    "section": section.title,
                    "colour": GREY if row.group == "reference" else _colour(codecs[row.codec + _run_of(row)]),
                    "look": -1 if row.group == "reference" else codecs[row.codec + _run_of(row)],
                    "bitrate": compact(row.bitrate),
                    "cells": [_numbers(row.cells.get(c.label)) for c in view.columns],
                }
                for section in view.table.sections
                for row in section.rows
            ],
        }
        for view in shown
    ]


def _run_of(row: TableRow) -> str:
    """` (name)`, where two runs of a table have the same system; otherwise empty."""
    return row.label.removeprefix(row.system or row.label)


def _colour(index: int) -> str:
    """Empty for the colour of the text."""
    colour = COLOURS[index % len(COLOURS)]
    return "" if colour == INK else colour


def _cell(cell: Cell | None, column: TableColumn, block: int) -> CellView:
    if cell is None or cell.value is None:
        count = "" if cell is None else f"no value for any of {cell.expected} utterances"
        return CellView(block, "", "–", "", "", count, 0)
    half = full = ""
    if cell.low is not None and cell.high is not None:
        half = f"±{(cell.high - cell.low) / 2:.{cell.digits}f}"
        full = f"{cell.low:.{cell.digits}f} to {cell.high:.{cell.digits}f}, "
    count = f"({cell.n})" if cell.n != cell.expected else ""
    value = f"{cell.value:.{column.digits}f}"
    return CellView(block, repr(cell.value), value, half, count, f"{full}n {cell.n} of {cell.expected}", cell.rank)


def _numbers(cell: Cell | None) -> list[float | int | None] | None:
    if cell is None or cell.value is None:
        return None
    return [compact(cell.value), compact(cell.low), compact(cell.high), cell.n, cell.expected]
