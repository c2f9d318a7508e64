"""`codec-bench reproduce`: the rows of a published table that can run here, next to the published values."""

from __future__ import annotations

import json
import sys

import typer

from codec_bench.cli.commands import command
from codec_bench.cli.finish import end
from codec_bench.reproduction.config import ReproduceConfig
from codec_bench.terminal import say


@command(ReproduceConfig)
def reproduce(config: ReproduceConfig, as_json: bool) -> None:
    """Run the rows of a paper's table that can run here, and print published, measured, difference and interval."""
    from codec_bench.errors import UsageError
    from codec_bench.reproduction import find_tables
    from codec_bench.reproduction.console import print_reproduction
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
            print_reproduction(result)
        for place in [folder] if folder is not None else [made.path for made in result.runs]:
            write(result, place)
            sys.stderr.write(f"written to {place}\n")
    if as_json:
        say(json.dumps([plain(result) for result in results], indent=1, allow_nan=False))
    silent = [reason for result in results if (reason := nothing_ran(result))]
    if len(silent) == len(results):
        sys.stderr.write(f"codec-bench: {silent[0]}\n")
        raise typer.Exit(2)
    failures = []
    for result in results:
        failures += [failure for made in result.runs for failure in made.failures]
        if config.strict and result.outside:
            cells = ", ".join(f"{cell.row} {cell.column.title}" for cell in result.outside)
            failures.append(f"outside tolerance in {result.table.id} (--strict): {cells}")
    end(failures)
