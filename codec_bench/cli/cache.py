"""`codec-bench cache`: what lies in CODEC_BENCH_HOME, and how to remove it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from codec_bench.cli.options import Json
from codec_bench.grids import Grid
from codec_bench.locks import is_locked

KINDS = {
    "models": "weights",
    "hf": "weights",
    "datasets": "datasets",
    "sources": "sources",
    "envs": "envs",
    "cache/codes": "codes",
    "cache/audio": "audio",
    "cache/features": "features",
}
"""Folders below `hub.home()` and what they hold."""

SCORES = "cache/scores.sqlite"
REMOVABLE = (*dict.fromkeys(KINDS.values()), "scores", "leftovers")
IN_USE = "in use"
OTHER = "other"

WRITING_SECONDS = 3600.0
"""So young, a file that some process is writing may be of one on another machine, whose number says nothing here."""

_PART_OF_PROCESS = re.compile(r"\.(\d+)\.[0-9a-f]{8}\.part$")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True)
class Item:
    """What is kept or removed as a whole: a file of a cache, a data set, an environment.

    Attributes:
        kind: One of `REMOVABLE`, `IN_USE` or `OTHER`.
        row: Below `home()`, the folder that it is counted under.
        files: Its files and links.
        size: Bytes; a link has none.
        modified: When the youngest of its files was written, in seconds since 1970.
    """

    kind: str
    row: str
    files: tuple[Path, ...]
    size: int
    modified: float


Prune = Annotated[
    str | None,
    typer.Option(help=f"Remove KIND[,KIND]: {', '.join(REMOVABLE)}, dataset:FOLDER or all.", metavar="KINDS"),
]
OlderThan = Annotated[str | None, typer.Option(help="Only what was not written to for so long: 30d, 12h.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what --prune would remove.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def cache(
    prune: Prune = None, older_than: OlderThan = None, dry_run: DryRun = False, yes: Yes = False, as_json: Json = False
) -> None:
    """Show what lies in CODEC_BENCH_HOME and how large it is, or remove some of it."""
    from codec_bench.errors import UsageError
    from codec_bench.hub import home

    root = home().resolve()
    if prune is None:
        if older_than or dry_run or yes:
            raise UsageError("--older-than, --dry-run and --yes say how --prune removes: name what to remove with it")
        _print_items(root, list(items(root)), as_json)
        return
    age = 0.0 if older_than is None else parse_age(older_than)
    chosen = [item for item in _chosen(list(items(root)), prune) if time.time() - item.modified >= age]
    count, size = _count(chosen)
    if count and not (dry_run or yes) and {item.kind for item in chosen} != {"leftovers"}:
        if not sys.stdin.isatty():
            raise UsageError(f"--prune {prune} removes {count} files ({_size_text(size)}) of {root}: add --yes")
        if not typer.confirm(f"Remove {count} files ({_size_text(size)}) of {root}?", err=True):
            typer.echo("nothing was removed")
            return
    if not dry_run:
        _remove(chosen, root)
    _print_removed(root, chosen, dry_run, as_json)


def parse_age(text: str) -> float:
    """Seconds of a time like `30d`, `12h` or `2w`.

    Raises:
        UsageError: It is none.
    """
    from codec_bench.errors import UsageError

    found = re.fullmatch(r"(\d+)([smhdw])", text)
    if found is None:
        raise UsageError(f"{text!r} is not a time: write a number and s, m, h, d or w, e.g. 30d")
    return float(int(found[1]) * _UNITS[found[2]])


def items(root: Path) -> Iterator[Item]:
    """Everything below `root`; links are not followed, and folders that are mirrors are left out.

    Args:
        root: `hub.home()`, with no link in it.
    """
    from codec_bench.hub import mirrors

    kept = {mirror.resolve() for mirror in mirrors()[:-1]}
    together: dict[tuple[str, str], list[Path]] = {}
    for path in _files(root, kept):
        inner = path.relative_to(root)
        kind, row = _place(inner)
        if _is_leftover(inner):
            yield _item(IN_USE if _is_held(path) else "leftovers", ".", [path])
        elif kind in ("datasets", "envs", "scores"):
            together.setdefault((kind, row), []).append(path)
        else:
            yield _item(kind, row, [path])
    for (kind, row), paths in together.items():
        yield _item(kind, row, paths)


def _files(folder: Path, kept: set[Path]) -> Iterator[Path]:
    """Files and links below a folder."""
    if folder in kept or not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path), kept)
            else:
                yield Path(entry.path)


def _place(inner: Path) -> tuple[str, str]:
    """Kind of a file, and the folder that it is counted under."""
    name = inner.as_posix()
    if name.startswith(SCORES):
        return "scores", SCORES
    for folder, kind in KINDS.items():
        if name.startswith(f"{folder}/"):
            is_split = kind in ("datasets", "envs")
            return kind, "/".join(inner.parts[:2]) if is_split else folder
    return OTHER, "."


def _is_leftover(inner: Path) -> bool:
    """Whether a file is one that our own processes leave behind where they are killed; an environment has its own."""
    is_ours = inner.name.startswith(".") and inner.suffix in (".part", ".lock")
    return is_ours and not (inner.parts[0] == "envs" and len(inner.parts) > 2)


def _is_held(path: Path) -> bool:
    """Whether a process may be using a lock, or writing a partial file."""
    if path.suffix == ".lock":
        return is_locked(path)
    found = _PART_OF_PROCESS.search(path.name)
    if found is None:  # a download
        return is_locked(path.with_suffix(".lock"))
    with suppress(FileNotFoundError):
        return _is_alive(int(found[1])) or time.time() - path.stat().st_mtime < WRITING_SECONDS
    return False


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _item(kind: str, row: str, paths: Iterable[Path]) -> Item:
    files, size, modified = [], 0, 0.0
    for path in paths:
        with suppress(FileNotFoundError):  # removed by its owner since
            state = path.lstat()
            files.append(path)
            size += 0 if path.is_symlink() else state.st_size
            modified = max(modified, state.st_mtime)
    return Item(kind, row, tuple(files), size, modified)


def _chosen(everything: list[Item], prune: str) -> list[Item]:
    from codec_bench.errors import UsageError

    chosen: dict[Item, None] = {}
    for kind in prune.split(","):
        if kind.startswith("dataset:"):
            found = [item for item in everything if item.row == f"datasets/{kind.removeprefix('dataset:')}"]
            if not found:
                known = sorted(item.row.removeprefix("datasets/") for item in everything if item.kind == "datasets")
                raise UsageError(f"there is no {kind}; there are: {', '.join(known) or 'none'}")
        elif kind in REMOVABLE or kind == "all":
            found = [item for item in everything if item.kind == kind or (kind == "all" and item.kind in REMOVABLE)]
        else:
            raise UsageError(f"{kind!r} cannot be removed: write {', '.join(REMOVABLE)}, dataset:FOLDER or all")
        chosen |= dict.fromkeys(found)
    return list(chosen)


def _remove(chosen: list[Item], root: Path) -> None:
    from codec_bench.errors import UsageError

    if any(item.kind == "scores" for item in chosen):
        _check_scores_idle(root / SCORES)
    for item in chosen:
        for path in item.files:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise UsageError(f"{path} cannot be removed: {error.strerror}") from error
        if item.kind not in ("codes", "audio", "features"):  # a run may be about to write there
            _remove_empty(item.files, root)


def _remove_empty(files: Iterable[Path], root: Path) -> None:
    """Removes the folders that `files` were in, where nothing is left in them."""
    folders = {folder for path in files for folder in path.relative_to(root).parents if folder.parts}
    for folder in sorted(folders, key=lambda f: len(f.parts), reverse=True):
        with suppress(OSError):  # not empty
            (root / folder).rmdir()


def _check_scores_idle(path: Path) -> None:
    """A run whose store is removed would keep writing to an unlinked file."""
    from codec_bench.errors import UsageError

    try:
        with closing(sqlite3.connect(path, timeout=0)) as database:
            database.execute("PRAGMA journal_mode=DELETE")  # needs the file alone
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise UsageError(f"{path} is used by a run: wait until it ends, or stop it") from error
    except sqlite3.DatabaseError:
        return  # damaged, so it cannot be in use


def _count(chosen: Iterable[Item]) -> tuple[int, int]:
    found = list(chosen)
    return sum(len(item.files) for item in found), sum(item.size for item in found)


def _rows(everything: Iterable[Item]) -> list[dict[str, Any]]:
    """One row per kind and folder."""
    order = [*REMOVABLE, IN_USE, OTHER]
    grouped: dict[tuple[str, str], list[Item]] = {}
    for item in everything:
        grouped.setdefault((item.kind, item.row), []).append(item)
    rows = []
    for kind, row in sorted(grouped, key=lambda key: (order.index(key[0]), key[1])):
        files, size = _count(grouped[kind, row])
        rows.append({"kind": kind, "path": row, "files": files, "bytes": size})
    return rows


def _size_text(size: int) -> str:
    from codec_bench.hub import describe_size

    return describe_size(size)


def _for_people(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"kind": r["kind"], "path": r["path"], "files": r["files"], "size": _size_text(r["bytes"])} for r in rows]


def _print_items(root: Path, everything: list[Item], as_json: bool) -> None:
    rows = _rows(everything)
    files, size = _count(everything)
    if as_json:
        typer.echo(json.dumps({"home": str(root), "rows": rows, "files": files, "bytes": size}, indent=1))
        return
    Grid.of(_for_people([*rows, {"kind": "total", "path": str(root), "files": files, "bytes": size}])).print()


def _print_removed(root: Path, chosen: list[Item], dry_run: bool, as_json: bool) -> None:
    rows = _rows(chosen)
    files, size = _count(chosen)
    if as_json:
        result = {"home": str(root), "removed": rows, "files": files, "bytes": size, "dry_run": dry_run}
        typer.echo(json.dumps(result, indent=1))
        return
    if rows:
        Grid.of(_for_people(rows)).print()
    typer.echo(f"{'would free' if dry_run else 'freed'} {_size_text(size)} ({files} files) in {root}")
