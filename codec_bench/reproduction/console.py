"""A reproduction on a terminal; Markdown where standard output is a file or a pipe."""

from __future__ import annotations

import sys

from rich.text import Text

from codec_bench import terminal
from codec_bench.reproduction.judging import Reproduction
from codec_bench.reproduction.report import comparison_grid, footnotes, markdown, not_run, published_grid


def print_reproduction(result: Reproduction) -> None:
    """Prints a reproduction on standard output."""
    console = terminal.console()
    if not console.is_terminal:
        sys.stdout.write(markdown(result))
        return
    console.print(Text(f"{result.table.id}: {result.table.caption}", style="bold"))
    (comparison_grid(result) if result.cells else published_grid(result.table)).print_on(console)
    for line in not_run(result):
        console.print(Text(f"not run: {line}"))
    for command in result.commands:
        console.print(Text(f"what would measure it: {command}"))
    for note in footnotes(result):
        console.print(Text(note, style="bold" if note in result.notes else "dim"))
