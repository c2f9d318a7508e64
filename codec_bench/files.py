"""Files that are never half written, and the digests that name them."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from codec_bench.errors import CodecBenchError, DiskFullError, UsageError


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file by renaming a finished one into place: a reader sees the old file, none, or the whole new one.

    Raises:
        DiskFullError: No room left on the disk.
        UsageError: The folder cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise write_error(path, error) from error


def write_error(path: Path, error: OSError) -> CodecBenchError:
    """The one-line error for a write to `path` that failed."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"no space left on the disk of {path.parent}; every score so far is kept: free some space, then run the "
            "same command again"
        )
    return UsageError(f"{path} cannot be written: {error.strerror or error}")


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal digits: how the caches name a recording and a weight."""
    with path.open("rb") as file:
        state = hashlib.sha256()
        while chunk := file.read(1 << 20):
            state.update(chunk)
    return state.hexdigest()
