"""`codec-bench baseline`: keep what a comparison needs of a run as a small file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from codec_bench.cli import new_app

baseline = new_app(help="Store the scores of a run as a small file for `compare`.", no_args_is_help=True)


@baseline.command()
def save(
    run: Annotated[Path, typer.Argument(help="A finished run directory.")],
    out: Annotated[Path, typer.Option(help="File to write: NAME.json, or NAME.json.gz for a compressed one.")],
) -> None:
    """Write the per-utterance scores of a run as a file to commit with the code."""
    from codec_bench.comparison import load_measurements, save_baseline

    measured = load_measurements(run)
    save_baseline(measured, out)
    load_measurements(out)  # what cannot be read again must not be committed
    sys.stderr.write(
        f"written to {out}: {len(measured.systems)} systems, {len(measured.columns)} metrics, "
        f"{len(measured.speakers)} utterances, {out.stat().st_size / 1000:.0f} kB\n"
    )


@baseline.command()
def show(file: Annotated[Path, typer.Argument(help="A file of `baseline save`, or a run directory.")]) -> None:
    """Print what a baseline holds: its data set, its systems and metrics, and their values."""
    from codec_bench.comparison import load_measurements
    from codec_bench.comparison.contents import print_contents

    print_contents(load_measurements(file))
