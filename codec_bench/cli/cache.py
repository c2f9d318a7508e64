"""`codec-bench cache`: what lies in CODEC_BENCH_HOME, and how to remove it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from codec_bench.cli.options import Json
from codec_bench.errors import UsageError
from codec_bench.grids import Grid
from codec_bench.hub import describe_size, home
from codec_bench.inventory import (
    BOUND,
    REMOVABLE,
    WRITTEN_BY_RUNS,
    Stored,
    bound,
    count,
    counted,
    inventory,
    parse_age,
    remove,
    selected,
)
from codec_bench.terminal import console, say

Prune = Annotated[
    str | None,
    typer.Option(help=f"Remove KIND[,KIND]: {', '.join(REMOVABLE)}, dataset:FOLDER or all.", metavar="KINDS"),
]
OlderThan = Annotated[str | None, typer.Option(help="Only what was not used for this long: 30d, 12h.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print what --prune would remove.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def cache(
    prune: Prune = None, older_than: OlderThan = None, dry_run: DryRun = False, yes: Yes = False, as_json: Json = False
) -> None:
    """Show what lies in CODEC_BENCH_HOME and how large it is, or remove some of it."""
    root = home().resolve()
    if prune is None:
        if older_than or dry_run or yes:
            raise UsageError("--older-than, --dry-run and --yes say how --prune removes: name what to remove with it")
        everything = list(inventory(root))
        if as_json:
            _print_json(root, "rows", everything)
            return
        files, size = count(everything)
        _print_rows([*counted(everything), {"kind": "total", "path": str(root), "files": files, "bytes": size}])
        _, of_runs = count(item for item in everything if item.kind in WRITTEN_BY_RUNS)
        most = bound()
        limit = f"no bound ({BOUND}=50 keeps 50 GB)" if most is None else f"{BOUND} allows {describe_size(most)}"
        console(stderr=True).print(f"what runs wrote takes {describe_size(of_runs)}; {limit}")
        return
    age = 0.0 if older_than is None else parse_age(older_than)
    chosen = [item for item in selected(inventory(root), prune) if time.time() - item.modified >= age]
    files, size = count(chosen)
    if files and not (dry_run or yes) and {item.kind for item in chosen} != {"leftovers"}:
        if not sys.stdin.isatty():
            raise UsageError(f"--prune {prune} removes {files} files ({describe_size(size)}) of {root}: add --yes")
        if not typer.confirm(f"Remove {files} files ({describe_size(size)}) of {root}?", err=True):
            say("nothing was removed")
            return
    if not dry_run:
        remove(chosen, root)
    if as_json:
        _print_json(root, "removed", chosen, dry_run=dry_run)
        return
    if chosen:
        _print_rows(counted(chosen))
    say(f"{'would free' if dry_run else 'freed'} {describe_size(size)} ({files} files) in {root}")


def _print_json(root: Path, key: str, found: list[Stored], **more: bool) -> None:
    files, size = count(found)
    say(json.dumps({"home": str(root), key: counted(found), "files": files, "bytes": size} | more, indent=1))


def _print_rows(rows: list[dict[str, Any]]) -> None:
    shown = (
        {"kind": r["kind"], "path": r["path"], "files": r["files"], "size": describe_size(r["bytes"])} for r in rows
    )
    Grid.of(shown).print()
