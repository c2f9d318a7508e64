"""Files that are never half written, and the digests that name them."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from codec_bench.errors import CodecBenchError, DiskFullError, UsageError

REMOVALS = 10
"""How often a folder is removed that something writes into, a tenth of a second apart, before it is left for later."""


@contextmanager
def atomically(path: Path) -> Iterator[Path]:
    """Yields a temporary path next to `path`; it becomes `path` if the block succeeds and is removed otherwise.

    A reader sees the old file, none, or the whole new one, and of several writers the last one wins.

    Raises:
        DiskFullError: No room left on the disk.
        UsageError: The folder cannot be written.
    """
    part = path.with_name(f".{path.name[:50]}.{os.getpid()}.{os.urandom(4).hex()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink()


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file by renaming a finished one into place; raises as `atomically` does."""
    with atomically(path) as part:
        part.write_bytes(data)


def write_error(path: Path, error: OSError) -> CodecBenchError:
    """The one-line error for a write to `path` that failed."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"no space left on the disk of {path.parent}; what was finished is kept: free some space (codec-bench "
            "cache shows what takes it), then run the same command again"
        )
    return UsageError(f"{path} cannot be written: {error.strerror or error}")


def folded(name: str) -> str:
    r"""What names have in common that differ in case, Unicode form or spaces around them: one file, for some systems.

    >>> folded("Cafe\u0301 ") == folded("caf\u00e9")
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).strip()


def first_of_one_key(names: Iterable[str], key: Callable[[str], str] = folded) -> tuple[str, str] | None:
    """The first two names that meet in a key, in their order; the same name twice, too."""
    seen: dict[str, str] = {}
    for name in names:
        made = key(name)
        if made in seen:
            return seen[made], name
        seen[made] = name
    return None


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def local_digest(path: Path, algorithm: str = "sha256") -> str:
    """Digest of a local file, computed once for as long as the file is not touched."""
    state = path.stat()
    changed = (state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
    return _digest(path, algorithm, changed)


@lru_cache(maxsize=512)
def _digest(path: Path, algorithm: str, _: tuple[int, ...]) -> str:
    return file_digest(path, algorithm)


@contextmanager
def open_file(path: Path, buffering: int = -1) -> Iterator[BinaryIO]:
    """Opens a regular file for reading; a device, a FIFO or a socket might never end, so they are refused.

    `buffering` is that of `open`.

    Raises:
        OSError: It cannot be opened, or is not a regular file.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is a folder" if path.is_dir() else "it is not a regular file", str(path))
    with open(path, "rb", buffering, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        yield file


def read_file(path: Path) -> bytes:
    """The bytes of a file; raises as `open_file` does."""
    with open_file(path, buffering=0) as file:  # a small file is read with half as many system calls
        return file.read()


def check_inside(path: Path, folder: Path) -> None:
    """Checks that a path is below a folder once links are followed, whether it is there or not.

    Raises:
        UsageError: It is not.
    """
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"{path} leads out of {folder}: what belongs there has to lie there, as a file")


def read_json(path: Path) -> Any:
    """What a JSON file of UTF-8 holds.

    Raises:
        OSError: It cannot be opened, or is not a regular file.
        ValueError: It is not JSON, has a number that JSON does not know, or is nested too deeply to be read.
    """
    return parsed_json(read_file(path))


def parsed_json(data: bytes) -> Any:
    """The JSON in some bytes of UTF-8; raises as `read_json` does."""
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number of JSON")


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Digest of a file in hexadecimal digits; SHA-256 is how the caches name a recording and a weight.

    Raises:
        OSError: It cannot be opened, or is not a regular file.
    """
    with open_file(path) as file:
        state = hashlib.new(algorithm, usedforsecurity=False)
        while chunk := file.read(1 << 20):
            state.update(chunk)
    return state.hexdigest()


def clear(path: Path) -> None:
    """Removes what is in the place of a file, an empty folder too, as far as it can be removed."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()


def folder_size(folder: Path) -> int:
    """Bytes of all files below a folder, links not followed; 0 where there is none."""
    return sum(
        os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 - there are tens of thousands
        for place, _, names in os.walk(folder)
        for name in names
    )


def remove_folder(folder: Path) -> None:
    """Removes a folder at once, whatever a process may still write into it.

    It gets another name first, so that the old one is free. What a living writer puts there meanwhile is removed with
    the next folder of that name.

    Raises:
        OSError: It cannot be renamed or removed; not, that it did not become empty.
    """
    if folder.exists():
        folder.rename(folder.with_name(f".{folder.name}.{os.getpid()}.{os.urandom(4).hex()}.removed"))
    for old in folder.parent.glob(f".{folder.name}.*.*.removed"):
        _remove_all(old)


def _remove_all(folder: Path) -> None:
    for _ in range(REMOVALS):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:  # the writer, or somebody else who removes it, was faster
            pass
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
        if not folder.exists():
            return
        time.sleep(0.1)


@contextmanager
def linked_folder(files: Mapping[str, Path]) -> Iterator[Path]:
    """A temporary folder with links to files, by their path in it, as loaders expect one folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, file in files.items():
            link = folder / path
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.resolve())
        yield folder
