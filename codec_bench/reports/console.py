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
    for grid in table.grids(intervals, efficiency):
        console.print(grid.table())
    for note in (*table.notes(intervals), "What each column is: table.md."):
        console.print(Text(note, style="dim"))
