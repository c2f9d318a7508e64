"""What lies in CODEC_BENCH_HOME, what of it can be removed, and how; what keeps its caches below a bound."""

from __future__ import annotations

import logging
import math
import os
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codec_bench.errors import UsageError
from codec_bench.hub import describe_size, mirrors
from codec_bench.locks import is_locked, locked

logger = logging.getLogger(__name__)

KINDS = {
    "models": "weights",
    "hf": "weights",
    "datasets": "datasets",
    "sources": "sources",
    "envs": "envs",
    "cache/codes": "codes",
    "cache/audio": "audio",
    "cache/features": "features",
    "cache/frames": "frames",
    "cache/probes": "probes",
    "cache/language_models": "language-models",
    "verified": "verified",
}
"""Folders below `hub.home()` and what they hold."""

SCORES = "cache/scores.sqlite"
REMOVABLE = (*dict.fromkeys(KINDS.values()), "scores", "leftovers")
WRITTEN_BY_RUNS = ("codes", "audio", "features", "frames", "probes", "language-models")
BOUND = "CODEC_BENCH_CACHE_GB"
"""Variable with the gigabytes that what runs write may take together."""

IN_USE = "in use"
OTHER = "other"

WRITING_SECONDS = 3600.0
"""So young, a file that some process is writing may be of one on another machine, whose number says nothing here."""

_PART_OF_PROCESS = re.compile(r"\.(\d+)\.[0-9a-f]{8}\.part$")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True)
class Stored:
    """What is kept or removed as a whole: a file of a cache, a data set, an environment.

    Attributes:
        kind: One of `REMOVABLE`, `IN_USE` or `OTHER`.
        row: Below `home()`, the folder that it is counted under.
        files: Its files and links.
        size: Bytes; a link has none.
        modified: When the youngest of its files was written, or read from a cache, in seconds since 1970.
    """

    kind: str
    row: str
    files: tuple[Path, ...]
    size: int
    modified: float


def parse_age(text: str) -> float:
    """Seconds of a time like `30d`, `12h` or `2w`.

    Raises:
        UsageError: It is none.
    """
    found = re.fullmatch(r"(\d+)([smhdw])", text)
    if found is None:
        raise UsageError(f"{text!r} is not a time: write a number and s, m, h, d or w, e.g. 30d")
    return float(int(found[1]) * _UNITS[found[2]])


def inventory(root: Path) -> Iterator[Stored]:
    """Everything below `root`, a `hub.home()` with no link in it; links are not followed, and mirrors are left out."""
    kept = {mirror.resolve() for mirror in mirrors()[:-1]}
    together: dict[tuple[str, str], list[Path]] = {}
    for path in _files(root, kept):
        inner = path.relative_to(root)
        kind, row = _place(inner)
        if _is_leftover(inner):
            yield _stored(IN_USE if _is_held(path) else "leftovers", ".", [path])
        elif kind in ("datasets", "envs", "scores"):
            together.setdefault((kind, row), []).append(path)
        else:
            yield _stored(kind, row, [path])
    for (kind, row), paths in together.items():
        yield _stored(kind, row, paths)


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


def _stored(kind: str, row: str, paths: Iterable[Path]) -> Stored:
    files, size, modified = [], 0, 0.0
    for path in paths:
        with suppress(FileNotFoundError):  # removed by its owner since
            state = path.lstat()
            files.append(path)
            size += 0 if path.is_symlink() else state.st_size
            modified = max(modified, state.st_mtime)
    return Stored(kind, row, tuple(files), size, modified)


def selected(everything: Iterable[Stored], kinds: str) -> list[Stored]:
    """What `--prune` names: any of `REMOVABLE`, `dataset:FOLDER` or `all`, with commas.

    Raises:
        UsageError: Something named cannot be removed, or there is no such data set.
    """
    found: dict[Stored, None] = {}
    there = list(everything)
    for kind in kinds.split(","):
        if kind.startswith("dataset:"):
            named = [item for item in there if item.row == f"datasets/{kind.removeprefix('dataset:')}"]
            if not named:
                known = sorted(item.row.removeprefix("datasets/") for item in there if item.kind == "datasets")
                raise UsageError(f"there is no {kind}; there are: {', '.join(known) or 'none'}")
        elif kind in REMOVABLE or kind == "all":
            named = [item for item in there if item.kind == kind or (kind == "all" and item.kind in REMOVABLE)]
        else:
            raise UsageError(f"{kind!r} cannot be removed: write {', '.join(REMOVABLE)}, dataset:FOLDER or all")
        found |= dict.fromkeys(named)
    return list(found)


def remove(what: Iterable[Stored], root: Path) -> None:
    """Removes files, and the folders that are empty without them.

    Raises:
        UsageError: A run is using the scores, or a file cannot be removed.
    """
    items = list(what)
    if any(item.kind == "scores" for item in items):
        _check_scores_idle(root / SCORES)
    for item in items:
        for path in item.files:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise UsageError(f"{path} cannot be removed: {error.strerror}") from error
        if item.kind not in WRITTEN_BY_RUNS:  # a run may be about to write there
            _remove_empty(item.files, root)


def _remove_empty(files: Iterable[Path], root: Path) -> None:
    """Removes the folders that `files` were in, where nothing is left in them."""
    folders = {folder for path in files for folder in path.relative_to(root).parents if folder.parts}
    for folder in sorted(folders, key=lambda f: len(f.parts), reverse=True):
        with suppress(OSError):  # not empty
            (root / folder).rmdir()


def _check_scores_idle(path: Path) -> None:
    """A run whose store is removed would keep writing to an unlinked file."""
    try:
        with closing(sqlite3.connect(path, timeout=0)) as database:
            database.execute("PRAGMA journal_mode=DELETE")  # needs the file alone
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise UsageError(f"{path} is used by a run: wait until it ends, or stop it") from error
    except sqlite3.DatabaseError:
        return  # damaged, so it cannot be in use


def count(what: Iterable[Stored]) -> tuple[int, int]:
    """How many files these are, and how many bytes."""
    items = list(what)
    return sum(len(item.files) for item in items), sum(item.size for item in items)


def counted(what: Iterable[Stored]) -> list[dict[str, Any]]:
    """One row per kind and folder."""
    order = [*REMOVABLE, IN_USE, OTHER]
    grouped: dict[tuple[str, str], list[Stored]] = {}
    for item in what:
        grouped.setdefault((item.kind, item.row), []).append(item)
    rows = []
    for kind, row in sorted(grouped, key=lambda key: (order.index(key[0]), key[1])):
        files, size = count(grouped[kind, row])
        rows.append({"kind": kind, "path": row, "files": files, "bytes": size})
    return rows


def bound() -> int | None:
    """Bytes that the caches may take; None without a bound.

    Raises:
        UsageError: The variable is no such number.
    """
    text = os.environ.get(BOUND, "").strip()
    if not text:
        return None
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = math.nan
    if not 0 < gigabytes < math.inf:
        raise UsageError(f"{BOUND}={text} is no size: write gigabytes, e.g. {BOUND}=50")
    return int(gigabytes * 1e9)


@contextmanager
def caches_in_use(root: Path) -> Iterator[None]:
    """Keeps what is in the caches from being removed for a bound, while a run may need any of it.

    Before and after, where no other run needs anything and the caches are above the bound, what was not used for
    longest is removed.

    Args:
        root: The home.

    Raises:
        UsageError: The bound is no size, or an entry cannot be removed.
    """
    most, folder = bound(), root / "cache"
    with ExitStack() as held:
        try:
            # Whoever shrinks holds this, so that no run begins while its entries go.
            with locked(folder / ".bound.lock", on_wait=lambda holder: logger.info("%s bounds the caches", holder)):
                _shrink(root, most)
                mine = folder / f".run-{os.getpid()}-{os.urandom(4).hex()}.lock"
                held.callback(mine.unlink, missing_ok=True)
                held.enter_context(locked(mine))
        except UsageError:  # a disk without locks, say, which only matters where there is a bound
            if most is not None:
                raise
        yield
    if most is not None:
        with locked(folder / ".bound.lock", on_wait=lambda _: None):
            _shrink(root, most)


def _shrink(root: Path, most: int | None) -> None:
    """Removes what was not used for longest, until the caches are below a bound, unless a run uses them."""
    if most is None:
        return
    entries = sorted((e for e in inventory(root) if e.kind in WRITTEN_BY_RUNS), key=lambda e: (e.modified, e.files))
    size, gone = sum(entry.size for entry in entries), []
    if size <= most:
        return
    if any(is_locked(path) for path in (root / "cache").glob(".run-*.lock")):
        logger.info("the caches take %s of %s; another run may need them", describe_size(size), describe_size(most))
        return
    for entry in entries:
        if size <= most:
            break
        gone.append(entry)
        size -= entry.size
    remove(gone, root)
    what = f"{len(gone)} entries ({describe_size(sum(entry.size for entry in gone))})"
    logger.info("removed %s that were not used for longest: %s is %s", what, BOUND, describe_size(most))
