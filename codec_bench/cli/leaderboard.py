"""`codec-bench leaderboard`: a static site of a results folder, and a repository that publishes one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from codec_bench.errors import UsageError
from codec_bench.terminal import say


def leaderboard(
    results: Annotated[
        Path | None, typer.Argument(metavar="RESULTS", help="Folder that codec-bench publish wrote.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the site.")] = Path("site"),
    title: Annotated[str | None, typer.Option(help="Heading of the site.")] = None,
    bands: Annotated[
        str | None, typer.Option(help="Edges of the bitrate groups in kbit/s, falling: 8,2,0.85; paper: 2,0.85,0.65.")
    ] = None,
    claims: Annotated[
        bool, typer.Option("--claims/--no-claims", help="Show what the papers that codec-bench knows say of codecs.")
    ] = True,
    init: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Make a repository for a leaderboard instead: results, checks, publication."),
    ] = None,
) -> None:
    """Write a leaderboard that opens from a disk or any host."""
    if init is not None:
        from codec_bench.leaderboard.repository import make_repository

        for path in make_repository(init):
            say(f"written: {path}")
        return
    if results is None:
        raise UsageError("which results? codec-bench leaderboard results/, which codec-bench publish writes")
    from codec_bench.leaderboard.site import TITLE, write_site
    from codec_bench.options import BANDS
    from codec_bench.reports.sections import parse_bands

    edges = BANDS if bands is None else parse_bands(bands)
    problems = write_site(results, out, title=title or TITLE, bands=edges, claims=claims)
    left_out = [problem for problem in problems if not problem.is_warning]
    for problem in left_out:
        sys.stderr.write(f"left out: {problem.line}\n")
    sys.stderr.write(f"written: {out / 'index.html'}\n")
    if left_out:
        raise typer.Exit(1)
