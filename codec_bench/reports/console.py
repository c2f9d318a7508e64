"""The grouped table on a terminal; Markdown where standard output is a file or a pipe."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from codec_bench.reports.table import Table, markdown

_STYLES = {0: "", 1: "bold", 2: "underline"}


def print_table(table: Table) -> None:
    """Prints a table on standard output."""
    console = Console()
    if not console.is_terminal:
        sys.stdout.write(markdown(table))
        return
    console.print(Text(table.caption, style="bold"))
    for title, columns in table.blocks:
        grid = RichTable(title=title, title_justify="left", title_style="bold", pad_edge=False)
        grid.add_column("system", no_wrap=True)
        for heading in ("kbps", "Hz", *(c.heading for c in columns)):
            grid.add_column(Text(heading), justify="right")  # brackets in a plain string would be markup
        for section in table.sections:
            grid.add_section()
            grid.add_row(Text(section.title, style="dim italic"))
            for row in section.rows:
                cells = [Text(row.cells[c.label].text, style=_STYLES[row.cells[c.label].rank]) for c in columns]
                grid.add_row(Text(row.label), row.bitrate_text, row.frame_rate_text, *cells)
        console.print(grid)
    for note in (*table.footnotes, "What each column is: table.md."):
        console.print(Text(note, style="dim"))
