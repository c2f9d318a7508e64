"""A comparison on a terminal; Markdown where standard output is a file or a pipe."""

from __future__ import annotations

import sys

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from codec_bench.comparison import wording
from codec_bench.comparison.compare import Comparison
from codec_bench.comparison.decision import Verdict
from codec_bench.comparison.markdown import markdown

STYLES = {Verdict.REGRESSION: "bold red", Verdict.UNDECIDED: "yellow", Verdict.PASS: "green", Verdict.SHOWN: "dim"}


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Prints a comparison on standard output.

    Args:
        comparison: What to print.
        console: Where to; standard output by default.
    """
    console = console or Console()
    if not console.is_terminal:
        sys.stdout.write(markdown(comparison))
        return
    # Plain strings would be markup: brackets in names are common.
    grid = Table(pad_edge=False, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, heading in enumerate(wording.HEADINGS[1:]):
        words = number in (0, len(wording.HEADINGS) - 2)
        width = len("cannot decide") if number else None  # a narrow terminal breaks names, not verdicts
        grid.add_column(
            Text(heading),
            justify="left" if words else "right",
            no_wrap=not words,
            min_width=width if words else None,
        )
    shown = ""
    for line in wording.lines(comparison):
        system, *cells, verdict = line.cells
        if system != shown:  # a column of long names would leave no room for numbers
            grid.add_section()
            grid.add_row(Text(system, style="bold"))
            shown = system
        grid.add_row(*(Text(cell) for cell in cells), Text(verdict, style=STYLES[line.verdict]))
    console.print(grid)
    for title, worst in wording.worst_lists(comparison):
        console.print(Text(f"Most changed utterances: {title}", style="bold"))
        for changed in worst:
            audio = f"  {'  '.join(changed.audio)}" if changed.audio else ""
            console.print(Text(f"  {changed.utterance}  {changed.baseline:.3f} → {changed.candidate:.3f}{audio}"))
    for reason in wording.explanations(comparison):
        console.print(Text(f"• {reason}"))
    console.print(Text(wording.sources(comparison), style="dim"))
    for note in wording.footnotes(comparison):
        console.print(Text(note, style="dim"))
    console.print(Text(wording.headline(comparison), style=STYLES[comparison.verdict]))
