"""A grouped table as the page shows it, and as its plot reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codec_bench.reports.cells import EFFICIENCY_HEADINGS, Cell, Table, TableColumn, TableRow
from codec_bench.reports.html.embedding import compact
from codec_bench.reports.plots.style import COLOURS, GREY
from codec_bench.runs.directory import Run

INK = "#000000"
"""A codec of this colour has that of the text in the page (here empty), which changes with the theme."""

MAX_SHOWN = 14
"""A table with more columns begins with its first block alone."""


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
    def facts(self) -> tuple[str, ...]:
        """Headings of `facts_of`; none where nothing is known of any system."""
        known = (sort for row in self.table.rows for _, sort in self.facts_of(row))
        return EFFICIENCY_HEADINGS if any(known) else ()

    def facts_of(self, row: TableRow) -> list[tuple[str, str]]:
        """What a system costs: as printed, and a number for sorting that is empty if unknown."""
        e = row.efficiency
        numbers = (e.tokens_per_second, e.codebooks, e.parameters, e.causal, e.streaming)
        return [(text, "" if n is None else repr(float(n))) for text, n in zip(e.texts, numbers, strict=True)]

    def cells(self, row: TableRow) -> Iterator[tuple[int, Cell, str]]:
        """A row in the order of the columns: position of the block, cell, and the cell's interval ends and n of n."""
        for block, (_, columns, _) in enumerate(self.blocks):
            for cell in (row.cells[column.label] for column in columns):
                yield block, cell, _in_full(cell)


def views(runs: Sequence[Run], tables: Sequence[Table], kinds: Mapping[str, str]) -> list[TableView]:
    """Tables for the page, of what `build_tables` made of runs; `kinds` are names for people of the kinds of runs."""
    notes = {str(run.path): {label: m.get("note", "") for label, m in run.metrics.items()} for run in runs}
    names = [f"{kinds.get(t.kind, t.kind)}: {t.dataset}" for t in tables]
    found = []
    for table, name in zip(tables, names, strict=True):
        narrow = len(table.columns) <= MAX_SHOWN
        blocks = tuple((title, columns, narrow or i == 0) for i, (title, columns) in enumerate(table.blocks))
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
        rows = [row for row in view.table.rows if not row.is_reference]
        for row in sorted(rows, key=lambda r: places.get((r.run, r.system), (0, 0))):
            codecs.setdefault(row.codec, len(codecs))
    colours = ["" if colour == INK else colour for colour in COLOURS]
    return [
        {
            "name": view.name,
            "columns": [{"label": c.label, "heading": c.heading, "digits": c.digits} for c in view.table.columns],
            "rows": [
                {
                    "label": row.label,
                    "family": row.label if row.is_reference else row.family,
                    "condition": row.condition,
                    "section": section.title,
                    "colour": GREY if row.is_reference else colours[codecs[row.codec] % len(colours)],
                    "look": -1 if row.is_reference else codecs[row.codec],
                    "bitrate": compact(row.bitrate),
                    "cells": [_numbers(row.cells[c.label]) for c in view.table.columns],
                }
                for section in view.table.sections
                for row in section.rows
            ],
        }
        for view in shown
    ]


def _in_full(cell: Cell) -> str:
    """`1.754 to 1.858, n 38 of 40`."""
    if cell.value is None:
        return f"no value for any of {cell.expected} utterances"
    known = cell.low is not None and cell.high is not None
    ends = f"{cell.low:.{cell.digits}f} to {cell.high:.{cell.digits}f}, " if known else ""
    return f"{ends}n {cell.n} of {cell.expected}"


def _numbers(cell: Cell) -> list[float | int | None] | None:
    if cell.value is None:
        return None
    return [compact(cell.value), compact(cell.low), compact(cell.high), cell.n, cell.expected]
