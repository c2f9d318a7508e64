"""The grouped table on a terminal; Markdown where standard output is a file or a pipe."""

from __future__ import annotations

import sys

from rich.text import Text

from codec_bench import terminal
from codec_bench.reports.cells import Table
from codec_bench.reports.formats.markdown import markdown


def print_table(table: Table, *, intervals: bool = True, efficiency: bool = False) -> None:
    """Prints a table on standard output; the options are those of `Table.grids`."""
    console = terminal.console()
    if not console.is_terminal:
        sys.stdout.write(markdown(table, intervals=intervals, efficiency=efficiency))
        return
    console.print(Text(table.caption, style="bold"))
    width = console.width
    for grid in table.grids(intervals, efficiency, width):
        grid.print_on(console)
    lacking = intervals and table.lacks_intervals(width, efficiency)
    if lacking:
        console.print(Text(f"Intervals that {width} columns have no room for: table.md, or a wider terminal."))
    for note in (*table.notes(intervals), "What each column is: table.md."):
        console.print(Text(note, style="dim"))
