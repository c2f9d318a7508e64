"""What commands do in the end: `run` and `score` carry out a configuration, all print what came out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from codec_bench.runs.directory import Run


def finish(options: dict[str, Any], config: Path | None, save_config: Path | None, as_json: bool) -> None:
    """Runs, prints the table or JSON on standard output, and ends with the exit code of the contract.

    Args:
        options: Options of the command line that were given.
        config: YAML file with further options.
        save_config: Where to write all options.
        as_json: Whether to print JSON.
    """
    from codec_bench import api
    from codec_bench.reconstruction.config import load_config, make_config
    from codec_bench.reconstruction.config import save_config as write_config

    made = load_config(config, **options) if config is not None else make_config(**options)
    if save_config is not None:
        write_config(made, save_config)
    tell(api.run_suite(made).values(), as_json, bands=made.bands)


def tell(
    runs: Iterable[Run],
    as_json: bool,
    *,
    bands: Sequence[float] | None = None,
    after: Callable[[Run], None] | None = None,
) -> None:
    """Prints finished runs, where they are, and what failed; ends with the exit code of the contract.

    Args:
        runs: Of any kind.
        as_json: Whether their summaries are printed instead of tables.
        bands: Edges of the bitrate groups in kbit/s; by default those of the tables.
        after: Prints more below the table of a run.
    """
    from codec_bench.api import summary_json
    from codec_bench.reports.console import print_table
    from codec_bench.reports.table import build_table

    failures = []
    for run in runs:
        if as_json:
            typer.echo(summary_json(run))
        else:
            print_table(build_table(run) if bands is None else build_table(run, bands))
            if after is not None:
                after(run)
        sys.stderr.write(f"written to {run.path}\n")
        failures += run.failures
    for failure in failures:
        sys.stderr.write(f"codec-bench: {failure}\n")
    if failures:
        raise typer.Exit(1)
