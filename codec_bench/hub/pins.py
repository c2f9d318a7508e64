"""The digests of first downloads: a file that its makers publish no digest of must stay the one that came first.

`home()/digests.json` maps what is downloaded (a web address, or a path with its revision on Hugging Face) to a SHA-256.
The first download writes it; a later one that differs is refused, because scores before and after it would not belong
together. `CODEC_BENCH_ACCEPT` names the digests of files that may take the place of the first.
"""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path

from codec_bench.errors import UnavailableError, UsageError
from codec_bench.files import read_json, write_atomically
from codec_bench.locks import locked

FILE = "digests.json"


def pinned(home: Path, name: str) -> str | None:
    """The digest that the first download had, or None.

    Raises:
        UsageError: The file of digests cannot be read.
    """
    return _digests(home).get(name)


def agrees(home: Path, name: str, digest: str) -> bool:
    """Whether a file is the first one, or there was none; one that the user accepts becomes the first.

    Raises:
        UsageError: The file of digests cannot be read, or not be written.
        DiskFullError: No room left.
    """
    if pinned(home, name) in (None, digest):
        return True
    if digest not in _accepted():
        return False
    _keep(home, name, digest)
    return True


def pin(home: Path, name: str, digest: str) -> None:
    """Keeps the digest of a download.

    Raises:
        UnavailableError: It differs from that of the first one; the message says how to accept it.
        CodecBenchError: As `agrees`.
    """
    if not agrees(home, name, digest):
        raise UnavailableError(other_file(home, name, digest))
    if pinned(home, name) is None:
        _keep(home, name, digest)


def forget(home: Path, name: str) -> None:
    """Lets the next download count as the first: this one turned out to be of no use."""
    if pinned(home, name) is not None:
        with _locked(home):
            _write(home, {other: digest for other, digest in _digests(home).items() if other != name})


def other_file(home: Path, name: str, digest: str) -> str:
    """Says that a file is not the one that came first, and what to do."""
    first = pinned(home, name) or ""
    return (
        f"another file than was downloaded first: sha256 {digest[:12]}..., in {home / FILE} {first[:12]}...; to accept "
        f"it, repeat with CODEC_BENCH_ACCEPT={digest}"
    )


def _accepted() -> list[str]:
    return [part.strip().lower() for part in os.environ.get("CODEC_BENCH_ACCEPT", "").split(",")]


def _locked(home: Path) -> AbstractContextManager[None]:
    """Several files are downloaded at once; who holds it does so for a moment."""
    return locked(home / f".{FILE}.lock", on_wait=lambda holder: None)


def _keep(home: Path, name: str, digest: str) -> None:
    with _locked(home):
        _write(home, _digests(home) | {name: digest})


def _write(home: Path, digests: dict[str, str]) -> None:
    write_atomically(home / FILE, as_text(digests))


def as_text(names: dict[str, str]) -> bytes:
    """Names with what belongs to them, as `read` takes it."""
    return f"{json.dumps(names, indent=1, sort_keys=True)}\n".encode()


def _digests(home: Path) -> dict[str, str]:
    return read(home / FILE)


def read(path: Path) -> dict[str, str]:
    """What a file keeps by name; nothing where there is none.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        state = path.stat()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    return _read(path, (state.st_mtime_ns, state.st_size, state.st_ino))


@lru_cache(maxsize=4)
def _read(path: Path, _: tuple[int, ...]) -> dict[str, str]:
    try:
        found = read_json(path)
        if isinstance(found, dict) and all(isinstance(digest, str) for digest in found.values()):
            return found
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError:
        pass
    raise UsageError(f"{path} is damaged: remove it, and the next downloads count as the first ones")
