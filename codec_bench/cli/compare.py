"""`codec-bench compare`: is a run worse than an earlier one?"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from codec_bench.cli.options import Json
from codec_bench.terminal import say


def compare(
    baseline: Annotated[Path, typer.Argument(help="Run directory, or a file of `baseline save`.")],
    candidate: Annotated[Path, typer.Argument(help="Run directory, or a file of `baseline save`.")],
    gate: Annotated[Path | None, typer.Option(help="YAML file with limits per metric; defaults without it.")] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(help="A=B: system A of the baseline with system B of the candidate; may be repeated."),
    ] = None,
    bd_rate: Annotated[
        str | None,
        typer.Option(metavar="ANCHOR", help="Also print the bits that each codec of both runs saves against this one."),
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write Markdown; appended to $GITHUB_STEP_SUMMARY.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML: one test per system and limited metric.")] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(metavar="TRACKER[:PLACE]", help="Trackers that also get the result; see `codec-bench log`."),
    ] = None,
    seed: Annotated[int, typer.Option(hidden=True, help="Without effect: nothing is drawn any more.")] = 0,
    as_json: Json = False,
) -> None:
    """Compare a run with an earlier one, utterance by utterance.

    Exit 0: not worse by more than the limits, 1: worse, 2: cannot be compared, 3: more data or a baseline is needed.
    """
    from codec_bench.comparison import compare as compare_runs
    from codec_bench.comparison import load_gate, load_measurements
    from codec_bench.comparison.as_json import as_json as plain
    from codec_bench.comparison.console import plain_console, print_comparison
    from codec_bench.comparison.junit import junit as junit_xml
    from codec_bench.comparison.markdown import markdown as as_markdown
    from codec_bench.files import write_atomically
    from codec_bench.options import listed, tracker_of
    from codec_bench.reports.table import build_tables
    from codec_bench.runs.directory import load_run

    trackers = listed(log or [])
    for tracker in trackers:
        tracker_of(tracker)
    limits = load_gate(gate) if gate is not None else None  # before long files are read
    before = load_measurements(baseline, is_baseline=True)
    found = compare_runs(before, load_measurements(candidate), limits, pair or ())
    if markdown is not None:
        write_summary(markdown, as_markdown(found))
    if junit is not None:
        write_atomically(junit, junit_xml(found))
    if as_json:
        say(json.dumps(plain(found), indent=1, allow_nan=False))
    else:
        print_comparison(found)
    if bd_rate is not None and not as_json:
        for table in build_tables([load_run(baseline), load_run(candidate)], bd_rate=bd_rate):
            for grid in table.extras:
                grid.print_on(plain_console())
    if trackers:
        from codec_bench.tracking import log_safely

        log_safely([found], trackers)
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def write_summary(path: Path, text: str) -> None:
    """Writes Markdown; other steps of a GitHub job write to the summary too, so there it is appended.

    Raises:
        UsageError: The file cannot be written.
    """
    from codec_bench.files import write_atomically, write_error

    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if not summary or path.resolve() != Path(summary).resolve():
        write_atomically(path, text.encode())
        return
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise write_error(path, error) from error
