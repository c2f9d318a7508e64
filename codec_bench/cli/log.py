"""`codec-bench log`: give finished runs to experiment trackers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def log(
    run: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories of any kind.")],
    to: Annotated[
        list[str],
        typer.Option(
            metavar="TRACKER[:PLACE]",
            help="wandb[:[ENTITY/]PROJECT], mlflow[:URI], tensorboard[:DIR] or trackio[:PROJECT]; may be repeated.",
        ),
    ],
) -> None:
    """Give finished runs to trackers: numbers with intervals, the table, plots, kept audio, options and provenance."""
    from codec_bench import tracking
    from codec_bench.options import listed, tracker_of
    from codec_bench.runs.directory import load_run

    trackers = listed(to)
    for tracker in trackers:  # before any of them gets anything
        tracker_of(tracker)
    for found in [load_run(path) for path in run]:
        tracking.log(found, *trackers)
        sys.stderr.write(f"logged {found.path} to {', '.join(trackers)}\n")
