"""The grouped table on a terminal; Markdown where standard output is a file or a pipe."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from codec_bench.reports.cells import Table, setting_headings
from codec_bench.reports.formats.markdown import markdown

_STYLES = {0: "", 1: "bold", 2: "underline"}


def print_table(table: Table, *, intervals: bool = True, efficiency: bool = False) -> None:
    """Prints a table on standard output.

    Args:
        table: What to print.
        intervals: Whether each value has its ±.
        efficiency: Whether tokens per second, codebooks, parameters, causal and streaming are a block of their own.
    """
    console = Console()
    if not console.is_terminal:
        sys.stdout.write(markdown(table, intervals=intervals, efficiency=efficiency))
        return
    console.print(Text(table.caption, style="bold"))
    if efficiency:
        console.print(_efficiency(table))
    for title, columns in table.blocks:
        grid = _grid(title, (*setting_headings(), *(c.heading for c in columns)))
        for section in table.sections:
            grid.add_section()
            grid.add_row(Text(section.title, style="dim italic"))
            for row in section.rows:
                cells = [row.cells[c.label] for c in columns]
                texts = [Text(cell.shown(intervals), style=_STYLES[cell.rank]) for cell in cells]
                grid.add_row(Text(row.label), *row.settings(), *texts)
        console.print(grid)
    for note in (*table.notes(intervals), "What each column is: table.md."):
        console.print(Text(note, style="dim"))


def _efficiency(table: Table) -> RichTable:
    grid = _grid("Efficiency", setting_headings(efficiency=True))
    for section in table.sections:
        grid.add_section()
        grid.add_row(Text(section.title, style="dim italic"))
        for row in section.rows:
            grid.add_row(Text(row.label), *row.settings(efficiency=True))
    return grid


def _grid(title: str, headings: tuple[str, ...]) -> RichTable:
    """A table without rows; brackets in a plain string would be markup, so headings and titles are `Text`."""
    grid = RichTable(title=Text(title, style="bold"), title_justify="left", pad_edge=False)
    grid.add_column("system", no_wrap=True)
    for heading in headings:
        grid.add_column(Text(heading), justify="right", overflow="fold")
    return grid
