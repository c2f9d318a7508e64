"""Carries out a configuration and prints what came out; shared by `run` and `score`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer


def finish(options: dict[str, Any], config: Path | None, save_config: Path | None, as_json: bool) -> None:
    """Runs, prints the table or JSON on standard output, and ends with the exit code of the contract.

    Args:
        options: Options of the command line that were given.
        config: YAML file with further options.
        save_config: Where to write all options.
        as_json: Whether to print JSON.
    """
    from codec_bench import api
    from codec_bench.reports.console import print_table
    from codec_bench.reports.table import build_table
    from codec_bench.runs.config import load_config, make_config
    from codec_bench.runs.config import save_config as write_config

    made = load_config(config, **options) if config is not None else make_config(**options)
    if save_config is not None:
        write_config(made, save_config)
    runs = api.run_suite(made)
    failures = []
    for run in runs.values():
        if as_json:
            typer.echo(api.summary_json(run))
        else:
            print_table(build_table(run, made.bands))
        sys.stderr.write(f"written to {run.path}\n")
        failures += run.failures
    for failure in failures:
        sys.stderr.write(f"codec-bench: {failure}\n")
    if failures:
        raise typer.Exit(1)
