"""Tables as Markdown, which a pull request, a wiki and a terminal show."""

from __future__ import annotations

from collections.abc import Sequence

from codec_bench.grids import escape
from codec_bench.reports.cells import Table


def markdown(table: Table, *, intervals: bool = True, efficiency: bool = False) -> str:
    """One table, with bold and underlined marks; the options are those of `Table.grids`."""
    parts = [f"**{escape(table.caption)}**"]
    for grid in table.grids(intervals, efficiency):
        parts.append(f"### {escape(grid.title)}\n\n{grid.markdown().rstrip()}")
    parts.append("\n".join(f"- {escape(note)}" for note in (*table.notes(intervals), *table.definitions)))
    return "\n\n".join(parts) + "\n"


def markdown_page(tables: Sequence[Table], *, intervals: bool = True, efficiency: bool = False) -> str:
    """Several tables in one file."""
    return "\n".join(markdown(table, intervals=intervals, efficiency=efficiency) for table in tables)
