"""Tables as Markdown, which a pull request, a wiki and a terminal show."""

from __future__ import annotations

import re
from collections.abc import Sequence

from codec_bench.grids import escape
from codec_bench.reports.cells import Table

_NUMBERS = re.compile(r"[-+]?[\d.]+ \[[-+]?[\d.]+, [-+]?[\d.]+\](?: \(\d+\))?")
"""A value with the ends of its interval, which is no link: it reads better without backslashes."""


def markdown(table: Table, *, intervals: bool = True, efficiency: bool = False) -> str:
    """One table, the best in bold; the options are those of `Table.grids`."""
    parts = [f"**{escape(table.caption)}**"]
    for grid in table.grids(intervals, efficiency):
        parts.append(f"### {escape(grid.title)}\n\n{grid.markdown(_escaped).rstrip()}")
    parts.append("\n".join(f"- {escape(note)}" for note in (*table.notes(intervals), *table.definitions)))
    return "\n\n".join(parts) + "\n"


def markdown_page(tables: Sequence[Table], *, intervals: bool = True, efficiency: bool = False) -> str:
    """Several tables in one file."""
    return "\n".join(markdown(table, intervals=intervals, efficiency=efficiency) for table in tables)


def _escaped(text: str) -> str:
    return text if _NUMBERS.fullmatch(text) else escape(text)
