"""`codec-bench tokens`: what the tokens of codecs say by themselves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from codec_bench.cli.commands import command
from codec_bench.cli.finish import report, tell
from codec_bench.token_statistics.config import TokensConfig

if TYPE_CHECKING:
    from codec_bench.runs.directory import Run


@command(TokensConfig)
def tokens(config: TokensConfig, as_json: bool) -> None:
    """Look at the tokens: use of codebooks, entropy, n-grams, dependence, modelability, stability, a map."""
    from codec_bench.token_statistics.command import run_tokens

    run = run_tokens(config)
    report(run, config.report)
    tell([run], as_json, after=_print_codebooks)


def _print_codebooks(run: Run) -> None:
    """The table of codebooks, on a terminal with lines and elsewhere as Markdown."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from codec_bench.token_statistics.command import codebook_rows

    headings = [
        "system",
        "codebook",
        "size",
        "used",
        "dead",
        "norm. entropy",
        "perplexity",
        "entropy bit",
        "Huffman bit",
    ]
    rows = [
        [
            str(r["system"]), str(r["codebook"]), str(r["size"]), f"{100 * r['utilisation']:.1f} %", str(r["dead"]),
            f"{r['normalised_entropy']:.3f}", f"{r['perplexity']:.1f}", f"{r['entropy_bits']:.3f}",
            f"{r['huffman_bits']:.3f}",
        ]
        for r in codebook_rows(run)
    ]  # fmt: skip
    console = Console()
    if console.is_terminal:
        grid = Table(title="Codebooks", title_justify="left", title_style="bold", pad_edge=False)
        for place, heading in enumerate(headings):
            grid.add_column(heading, justify="right" if place else "left", no_wrap=not place)
        for row in rows:
            grid.add_row(*map(Text, row))
        console.print(grid)
        return
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    sys.stdout.write("\n### Codebooks\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines))
