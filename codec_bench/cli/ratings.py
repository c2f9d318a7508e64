"""`codec-bench ratings`: the results of a listening test as a column of its run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from codec_bench.terminal import say


def ratings(
    run: Annotated[Path, typer.Argument(help="The run that was exported.")],
    results: Annotated[
        Path | None, typer.Argument(help="webMUSHRA's results/TEST/mushra.csv, paired_comparison.csv or lss.csv.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="key.json of the export.")] = None,
    listener: Annotated[
        str | None, typer.Option(help="Column that identifies listeners: by default the session, or their name.")
    ] = None,
    anchor_rule: Annotated[
        bool,
        typer.Option(
            "--anchor-rule",
            help="Also exclude those who rate the highest anchor above 90 too often, if there is no mid anchor.",
        ),
    ] = False,
    no_screening: Annotated[bool, typer.Option("--no-screening", help="Exclude no listeners.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove imported results from the run.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Import what people said in a test that `export` made; a second import takes the place of the first."""
    from codec_bench.errors import UsageError
    from codec_bench.grids import Grid
    from codec_bench.listening_tests.importing import import_results, remove_results
    from codec_bench.listening_tests.key import Key
    from codec_bench.listening_tests.screening import Rules
    from codec_bench.runs.directory import load_run

    loaded = load_run(run)
    if remove:
        removed = remove_results(loaded)
        say(f"taken out: {', '.join(removed)}" if removed else f"{run} has no imported results")
        return
    if results is None or key is None:
        raise UsageError("ratings needs the file of results and --key, the key.json that `codec-bench export` wrote")
    rules = Rules(reference=False, anchor="none") if no_screening else Rules(anchor="highest" if anchor_rule else "mid")
    found = import_results(loaded, results, Key.load(key), rules, listener)
    for warning in found.warnings:
        sys.stderr.write(f"WARNING: {warning}\n")
    if as_json:
        say(found.files[1].read_text(encoding="utf-8"), end="")
    else:
        Grid.of(found.rows).print()
        if found.differences:
            say("\ndifferences of two systems that the same listeners rated on the same items:")
            Grid.of(found.differences).print()
            say("")
        say(f"{found.listeners} listeners counted, {len(found.excluded)} excluded")
        for line in found.excluded:
            say(f"  {line}")
    sys.stderr.write(f"written to {', '.join(str(path) for path in found.files)}\n")
    if found.column:
        sys.stderr.write(f"{run} has the column {found.kind} now\n")
