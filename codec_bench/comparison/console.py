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
        metric, *numbers = laid_out(cells)
        rows.append([metric, Marked(words, STYLES[verdict]), *numbers])
    # The verdict is what one looks for: where a terminal is too narrow for all columns, it stands in the first part.
    metric, *numbers = laid_out(wording.HEADINGS[1:-1])
    headings = [metric, wording.HEADINGS[-1], *numbers]
    Grid(headings, rows, right=range(2, len(headings)), is_ruled=False).print_on(console)
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
    """The same in two lines: `2.02` above `→ 1.92`, a difference above its interval, p above n."""
    metric, before, after, difference, limit, p, n = cells
    return [metric, f"{before}\n→ {after}", difference.replace(" [", "\n[", 1), limit, f"{p}\nn {n}" if n != "n" else p]
