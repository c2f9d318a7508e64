"""What commands do in the end: they write a report, print what came out, and end with the exit code of the contract."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import typer

from codec_bench.terminal import say

if TYPE_CHECKING:
    from codec_bench.runs.directory import Run


def report(run: Run, plots: bool) -> None:
    """Writes the report of a run into its folder: its table, and on request plots and the HTML page."""
    from codec_bench.reports.report import write_report

    write_report([run], run.path, formats=("md", "html") if plots else ("md",), plots=plots)


def tell(
    runs: Iterable[Run],
    as_json: bool,
    *,
    bands: Sequence[float] | None = None,
    after: Callable[[Run], None] | None = None,
    failures: Sequence[str] = (),
    log: Sequence[str] = (),
) -> None:
    """Prints finished runs, where they are, and what failed; ends with the exit code of the contract.

    Args:
        runs: Runs of any kind.
        as_json: Whether their summaries are printed instead of tables.
        bands: Edges of the bitrate groups in kbit/s; by default those of the tables.
        after: Prints further lines below the table of a run.
        failures: What failed besides.
        log: Trackers that get each run in the end.
    """
    from codec_bench.api import summary_json
    from codec_bench.reports.console import print_table
    from codec_bench.reports.intervals import warning
    from codec_bench.reports.table import build_table

    failed = list(failures)
    runs = list(runs)
    for run in runs:
        if as_json:
            say(summary_json(run))
        else:
            print_table(build_table(run) if bands is None else build_table(run, bands))
            if after is not None:
                after(run)
        if (few := warning(run)) and (as_json or not sys.stdout.isatty()):  # a terminal has just shown it
            sys.stderr.write(f"WARNING: {few}\n")
        sys.stderr.write(f"written to {run.path}\n")
        failed += run.failures
    if log:
        from codec_bench.tracking import log_safely

        log_safely(runs, log)
    end(failed)


def end(failures: Sequence[str]) -> None:
    """Says what failed, and ends with 1 if anything did."""
    for failure in failures:
        sys.stderr.write(f"codec-bench: {failure}\n")
    if failures:
        raise typer.Exit(1)
