"""`codec-bench reproduce`: the rows of a published table that can run here, beside what the paper printed."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import typer

from codec_bench.cli.commands import command
from codec_bench.reproduction.config import ReproduceConfig

if TYPE_CHECKING:
    from codec_bench.reproduction.judging import Reproduction


@command(ReproduceConfig)
def reproduce(config: ReproduceConfig, as_json: bool) -> None:
    """Run what can run of a paper's table, and print published, measured, difference and interval side by side."""
    from codec_bench.errors import UsageError
    from codec_bench.reproduction import find_tables
    from codec_bench.reproduction.finished import compare_runs
    from codec_bench.reproduction.report import as_json as plain
    from codec_bench.reproduction.report import write
    from codec_bench.reproduction.reproduce import chosen_rows, nothing_ran
    from codec_bench.reproduction.reproduce import reproduce as measure
    from codec_bench.runs.directory import load_run

    tables = find_tables(config.table)
    for name in ("files", "row", "run"):
        if getattr(config, name) and len(tables) > 1:
            raise UsageError(f"--{name} belongs to one table: write {config.table}:{tables[0].number}")
    results = []
    for table in tables:
        folder = config.out / table.number if config.out is not None and len(tables) > 1 else config.out
        if config.run:
            result = compare_runs(table, [load_run(path) for path in config.run], chosen_rows(table, config.row))
        else:
            result = measure(table, config.model_copy(update={"out": folder}))
        results.append(result)
        if not as_json:
            show(result)
        for place in [folder] if folder is not None else [made.path for made in result.runs]:
            write(result, place)
            sys.stderr.write(f"written to {place}\n")
    if as_json:
        typer.echo(json.dumps([plain(result) for result in results], indent=1, allow_nan=False, ensure_ascii=False))
    silent = [reason for result in results if (reason := nothing_ran(result))]
    if len(silent) == len(results):
        sys.stderr.write(f"codec-bench: {silent[0]}\n")
        raise typer.Exit(2)
    _end(results, config.strict)


def show(result: Reproduction) -> None:
    """Prints a reproduction: tables on a terminal, Markdown elsewhere."""
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    from codec_bench.reproduction.report import HEADINGS, comparison_lines, footnotes, markdown, published_lines

    console = Console()
    if not console.is_terminal:
        sys.stdout.write(markdown(result))
        return

    def grid(title: str, headings: tuple[str, ...], lines: list[tuple[str, ...]]) -> None:
        made = Grid(title=title, title_justify="left", title_style="bold", pad_edge=False)
        for heading in headings:
            made.add_column(Text(heading), overflow="fold")
        for line in lines:
            made.add_row(*(Text(cell) for cell in line))
        console.print(made)

    console.print(Text(f"{result.table.id}: {result.table.caption}", style="bold"))
    if result.cells:
        grid("Published and measured", HEADINGS, comparison_lines(result))
    else:
        headings, lines = published_lines(result.table)
        grid("As published", tuple(headings), lines)
    for absence in result.absent:
        console.print(Text(f"not run: {absence.row}: {absence.reason}"))
    for line in result.commands:
        console.print(Text(f"what would measure it: {line}"))
    for note in footnotes(result):
        console.print(Text(note, style="bold" if note in result.notes else "dim"))


def _end(results: list[Reproduction], strict: bool) -> None:
    """Ends with 1 where a run failed, or under --strict where a cell is outside."""
    failed = False
    for result in results:
        for made in result.runs:
            for failure in made.failures:
                failed = True
                sys.stderr.write(f"codec-bench: {failure}\n")
        if strict and result.outside:
            failed = True
            cells = ", ".join(f"{cell.row} {cell.column.title}" for cell in result.outside)
            sys.stderr.write(f"codec-bench: outside tolerance in {result.table.id} (--strict): {cells}\n")
    if failed:
        raise typer.Exit(1)
