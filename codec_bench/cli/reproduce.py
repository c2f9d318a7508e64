"""`codec-bench reproduce`: the rows of a published table that can run here, beside what the paper printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codec_bench.cli import options as o

if TYPE_CHECKING:
    from codec_bench.reproduction.judging import Reproduction


def reproduce(
    what: Annotated[str, typer.Argument(metavar="PAPER[:TABLE]", help="longcat:table5; see `list papers`.")],
    files: Annotated[
        list[str] | None,
        typer.Option(help="ROW=DIR: reconstructions of a row that cannot run here, or of a system beside the table."),
    ] = None,
    codec: Annotated[
        list[str] | None, typer.Option(help="A system to measure beside the table; repeat for more.")
    ] = None,
    row: Annotated[list[str] | None, typer.Option(help="Only this row; repeat for more.")] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(help="A finished run of `run`, `probe`, `tokens` or `speed` to take values from; nothing is run."),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Other recordings than the table's: NAME, FILE.tsv or DIR.")
    ] = None,
    metrics: o.Metrics = None,
    limit: o.Limit = None,
    jobs: o.Jobs = None,
    device: o.Device = None,
    asr: o.Asr = None,
    normaliser: o.Normaliser = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder of an extracted data set.")] = None,
    audio_root: Annotated[Path | None, typer.Option(help="Folder that a manifest's paths are relative to.")] = None,
    text: o.Text = None,
    seed: o.Seed = None,
    keep_audio: o.KeepAudio = None,
    max_failed: o.MaxFailed = None,
    timeout: o.Timeout = None,
    out: o.Out = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 where a cell is outside its tolerance.")] = False,
    no_report: o.NoReport = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Run what can run of a paper's table, and print published, measured, difference and interval side by side."""
    from codec_bench.errors import UsageError
    from codec_bench.reproduction import find_tables
    from codec_bench.reproduction.finished import compare_runs
    from codec_bench.reproduction.report import as_json as plain
    from codec_bench.reproduction.report import write
    from codec_bench.reproduction.reproduce import Request, chosen_rows, nothing_ran
    from codec_bench.reproduction.reproduce import reproduce as measure
    from codec_bench.runs.directory import load_run

    tables = find_tables(what)
    for name, given in (("--files", files), ("--row", row), ("--run", run)):
        if given and len(tables) > 1:
            raise UsageError(f"{name} belongs to one table: write {what}:{tables[0].number}")
    options = o.given(
        limit=limit,
        jobs=jobs,
        device=device,
        data_root=data_root,
        audio_root=audio_root,
        text=text,
        seed=seed,
        keep_audio=keep_audio,
        max_failed=max_failed,
        timeout=timeout,
        report=False if no_report else None,
    )
    results = []
    for table in tables:
        folder = out / table.number if out is not None and len(tables) > 1 else out
        request = Request(
            files=folders_of(files or []),
            codecs=tuple(codec or ()),
            rows=tuple(row or ()),
            dataset=dataset,
            metrics=tuple(part.strip() for part in (metrics or "").split(",") if part.strip()),
            asr=asr,
            normaliser=normaliser or "basic",
            out=folder,
            options=options,
        )
        if run:
            result = compare_runs(table, [load_run(path) for path in run], chosen_rows(table, request.rows))
        else:
            result = measure(table, request)
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
    _end(results, strict)


def folders_of(files: list[str]) -> dict[str, str]:
    """Folders by row, from `ROW=DIR` or `ROW=files:DIR`.

    Raises:
        UsageError: There is no equals sign, or a row is named twice.

    >>> folders_of(["LLM-Codec=recon/llm", "EnCodec (Q = 8)=recon/encodec"])
    {'LLM-Codec': 'recon/llm', 'EnCodec (Q = 8)': 'recon/encodec'}
    """
    from codec_bench.errors import UsageError

    found: dict[str, str] = {}
    for text in files:
        # Names of rows may hold an equals sign with spaces around it; one without spaces comes before the folder.
        name, equals, folder = _split(text)
        if not (name and equals and folder):
            raise UsageError(f"--files {text!r} is not ROW=DIR, e.g. --files 'LLM-Codec=recon/llm-codec'")
        if name in found:
            raise UsageError(f"--files names {name!r} twice")
        found[name] = folder.removeprefix("files:")
    return found


def _split(text: str) -> tuple[str, str, str]:
    for place, sign in enumerate(text):
        if sign == "=" and text[place - 1 : place] != " ":
            return text[:place].strip(), "=", text[place + 1 :].strip()
    return text, "", ""


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
    for command in result.commands:
        console.print(Text(f"what would measure it: {command}"))
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
