"""A comparison as plain text, on a terminal, in a file or in a pipe; `--markdown` writes Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from codec_bench import terminal
from codec_bench.comparison import wording
from codec_bench.comparison.compare import Comparison
from codec_bench.comparison.decision import Verdict
from codec_bench.grids import Grid, Marked

STYLES = {
    Verdict.REGRESSION: "bold red",
    Verdict.INCOMPARABLE: "bold yellow",
    Verdict.UNDECIDED: "yellow",
    Verdict.PASS: "green",
    Verdict.SHOWN: "dim",
}


WIDE = 100
"""Columns of a terminal from which on a result fits in one line."""


UNBOUNDED = 10_000
"""Columns of what is no terminal: nothing is broken for its width."""


def plain_console() -> Console:
    """Standard output; where it is no terminal, every line is as long as it needs to be."""
    console = terminal.console()
    if not console.is_terminal:
        console.width = UNBOUNDED
    return console


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Prints a comparison, by default on standard output."""
    console = console or plain_console()
    rows: list[Sequence[str | Marked]] = []
    shown = ""
    laid_out = _narrow if console.width < WIDE else list
    for (system, *cells, words), verdict in wording.lines(comparison):
        if system != shown:  # a column of long names would leave no room for numbers
            rows.append([Marked(system, "bold")])
            shown = system
        rows.append([*laid_out(cells), Marked(words, STYLES[verdict])])
    headings = [*laid_out(wording.HEADINGS[1:-1]), wording.HEADINGS[-1]]
    last = len(headings) - 1
    # A narrow terminal breaks names, not verdicts.
    Grid(headings, rows, right=range(1, last + 1), is_ruled=False).print_on(console)
    for title, worst in wording.worst_lists(comparison):
        console.print(Text(f"Most changed utterances: {title}", style="bold"))
        for changed in worst:
            audio = f"  {'  '.join(changed.audio)}" if changed.audio else ""
            console.print(Text(f"  {changed.utterance}  {changed.baseline:.3f} → {changed.candidate:.3f}{audio}"))
    for line in wording.worst_speakers(comparison):
        console.print(Text(f"Worst speakers: {line}"))
    for reason in wording.explanations(comparison):
        console.print(Text(f"• {reason}"))
    console.print(Text(wording.sources(comparison), style="dim"))
    for note in wording.footnotes(comparison):
        console.print(Text(note, style="dim"))
    console.print(Text(wording.headline(comparison), style=STYLES[comparison.verdict]))


def _narrow(cells: Sequence[str]) -> list[str]:
    """The same in two lines: `2.02` above `→ 1.92`, a difference above its interval."""
    metric, before, after, difference, *others = cells
    return [metric, f"{before}\n→ {after}", difference.replace(" [", "\n[", 1), *others]
