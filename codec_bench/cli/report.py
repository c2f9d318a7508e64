"""`codec-bench report`: tables, plots and the interactive page of runs that are finished."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer


def report(
    run: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories of any kind.")],
    formats: Annotated[
        str, typer.Option("--format", help="Any of md, csv, tex, html; html adds the interactive report.html.")
    ] = "md,csv,tex,html",
    plots: Annotated[bool, typer.Option("--plots/--no-plots", help="Draw plots.")] = True,
    plot_format: Annotated[str, typer.Option(help="Any of png, svg, pdf.")] = "png",
    intervals: Annotated[
        bool, typer.Option("--intervals/--no-intervals", help="Print values with their intervals.")
    ] = True,
    efficiency: Annotated[
        bool,
        typer.Option("--efficiency", help="Columns for tokens per second, codebooks, parameters, causal, streaming."),
    ] = False,
    bands: Annotated[
        str | None, typer.Option(help="Edges of the bitrate groups in kbit/s, falling: 8,2,0.85; paper: 2,0.85,0.65.")
    ] = None,
    bold: Annotated[
        Literal["ties", "best"],
        typer.Option(help="ties: all of a group that are not significantly worse than its best; best: that alone."),
    ] = "ties",
    bd_rate: Annotated[
        str | None,
        typer.Option(
            metavar="ANCHOR", help="Bits that each codec saves against this one, with equal bitrates and Pareto fronts."
        ),
    ] = None,
    ranking: Annotated[
        bool, typer.Option("--ranking", help="Rank the systems of each bitrate group: Borda, wins, tied places.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder; the run directory by default, report/ for several runs.")
    ] = None,
) -> None:
    """Write tables, plots and the HTML report of one run, or of several side by side, and print the tables."""
    from codec_bench.options import BANDS, listed
    from codec_bench.reports.console import print_table
    from codec_bench.reports.report import write_report
    from codec_bench.reports.sections import parse_bands
    from codec_bench.reports.table import build_tables
    from codec_bench.runs.directory import load_run

    edges = BANDS if bands is None else parse_bands(bands)
    runs = [load_run(folder) for folder in run]
    folder = out or (runs[0].path if len(runs) == 1 else Path("report"))
    written = write_report(
        runs,
        folder,
        formats=listed(formats),
        plots=plots,
        intervals=intervals,
        efficiency=efficiency,
        bands=edges,
        bold=bold,
        bd_rate=bd_rate,
        ranking=ranking,
        plot_formats=listed(plot_format),
    )
    for i, table in enumerate(build_tables(runs, edges, bold, bd_rate=bd_rate, ranking=ranking)):
        sys.stdout.write("\n" if i else "")
        print_table(table, intervals=intervals, efficiency=efficiency)
    for path in written:
        sys.stderr.write(f"written: {path}\n")
