"""A repository for a leaderboard: a results folder, and workflows that check what is handed in and publish the site."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from codec_bench.errors import UsageError
from codec_bench.files import write_atomically
from codec_bench.version import __version__

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

VERSION = "@VERSION@"
"""What stands in the files for the version of codec-bench that made the repository."""


def make_repository(folder: Path) -> list[Path]:
    """Writes the files of a repository; returns their paths.

    Raises:
        UsageError: The folder holds something already, or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(p.name != ".git" for p in folder.iterdir())):
        raise UsageError(f"{folder} holds something already: name a new folder, or an empty repository")
    written = []
    for name, content in _files(resources.files("codec_bench.leaderboard") / "assets" / "repository"):
        path = folder / name
        write_atomically(path, content.replace(VERSION, __version__).encode())
        written.append(path)
    return written


def _files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        # Wheels leave out folders that begin with a dot.
        name = prefix + (f".{entry.name.removeprefix('dot-')}" if entry.name.startswith("dot-") else entry.name)
        if entry.is_dir():
            yield from _files(entry, f"{name}/")
        else:
            yield name, entry.read_text(encoding="utf-8")
