"""A folder of arrays by content address that several processes may share."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from codec_bench.files import clear, read_file, write_atomically
from codec_bench.lossless import packed, unpacked
from codec_bench.npz import read_npz
from codec_bench.records import Status
from codec_bench.tokens import Code, code_from_arrays

logger = logging.getLogger(__name__)

_MAGIC = b"codec-bench/1\n"

Entry = Mapping[str, NDArray[Any]]
Out = TypeVar("Out")


def _number(entry: Entry, name: str) -> float:
    """A finite number of an entry, which is an array without axes."""
    value = entry[name]
    if value.ndim or value.dtype.kind not in "biuf" or not np.isfinite(value):
        raise ValueError(f"{name} is no number")
    return float(value)


def _coded(entry: Entry) -> tuple[Code, float]:
    seconds = _number(entry, "encode_seconds")
    return code_from_arrays(entry), seconds


def _check_audio(entry: Entry) -> None:
    samples = entry["samples"]
    if samples.ndim != 1 or samples.dtype != np.float32 or _number(entry, "rate") < 1:
        raise ValueError("no audio")
    for name in set(entry) - {"samples"}:
        _number(entry, name)


def _check_feature(entry: Entry) -> None:
    if "status" in entry:  # a model gave none
        Status(str(entry["status"])), str(entry["reason"])
    elif entry["value"].dtype.kind not in "biufcU":
        raise ValueError("no numbers and no text")


def _check_frames(entry: Entry) -> None:
    values, sizes = entry["values"], entry["sizes"]
    if values.ndim != 2 or values.dtype.kind not in "if" or sizes.ndim != 1 or _number(entry, "rate") <= 0:
        raise ValueError("no frames")
    if len(sizes) and (len(sizes) != values.shape[1] or (values < 0).any() or (values >= sizes).any()):
        raise ValueError("no tokens of these codebooks")


def _check_nothing(_: Entry) -> None:
    """Entries of other folders may be anything."""


_CHECKS: Mapping[str, Callable[[Entry], object]] = {
    "codes": _coded,
    "audio": _check_audio,
    "features": _check_feature,
    "frames": _check_frames,
}
"""What an entry must hold, by the name of the folder; the checksum alone says only that it holds what was written."""


def _smaller(entry: Entry) -> Entry:
    """An entry of audio as it is stored."""
    samples = entry.get("samples")
    if samples is None or samples.ndim != 1 or samples.dtype != np.float32:
        return entry
    return {name: value for name, value in entry.items() if name != "samples"} | packed(samples)


def _as_it_was(stored: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """An entry as it was put, wherever a packed one lies; those of earlier versions have their samples as they are."""
    if not {"flac", "zstd"} & stored.keys():
        return stored
    samples = unpacked(stored)
    return {"samples": samples} | {n: v for n, v in stored.items() if n not in ("flac", "bits", "zstd", "count")}


_USED_SECONDS = 3600.0
"""The time of a file says when it was used last, for those that bound a cache; so exactly, and no more often."""


def _use(path: Path) -> None:
    with suppress(OSError):  # a cache of somebody else, or an entry that was removed since
        if time.time() - path.stat().st_mtime > _USED_SECONDS:
            os.utime(path)


class ArrayCache:
    """Named arrays under `root`, one file per address, each with its own checksum.

    Writing is atomic, so processes that write the same entry do not disturb each other. An entry that does not match
    its checksum, or in a folder that is called `codes`, `audio`, `features` or `frames` is none of these, is reported,
    removed, and counts as absent: the caller makes it again. In `audio`, `samples` are stored as `lossless.packed` has
    them.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._check = _CHECKS.get(root.name, _check_nothing)
        self._is_audio = root.name == "audio"

    def path(self, address: str) -> Path:
        """The file of an entry."""
        return self.root.joinpath(address[:2], address[2:])  # a run asks for several per pair: one path, not two

    def __contains__(self, address: str) -> bool:
        """Whether there is a file for an entry, which may be damaged; `get` tells."""
        return self.path(address).is_file()

    def put(self, address: str, arrays: Entry) -> None:
        """Stores an entry.

        Raises:
            DiskFullError: No room left; nothing is left behind.
            UsageError: The folder cannot be written.
        """
        buffer = io.BytesIO()
        np.savez(buffer, **(_smaller(arrays) if self._is_audio else arrays))  # type: ignore[arg-type]
        body = buffer.getvalue()
        write_atomically(self.path(address), _MAGIC + hashlib.sha256(body).digest() + body)

    def get(self, address: str) -> dict[str, NDArray[Any]] | None:
        """Reads an entry, or returns None if there is none or it is damaged."""
        found = self._found(address, self._check)
        return None if found is None else found[0]

    def _found(self, address: str, made: Callable[[Entry], Out]) -> tuple[dict[str, NDArray[Any]], Out] | None:
        """An entry and what is made of it, or None if there is none or nothing can be made of it."""
        data = self.read(address)
        if data is None:
            return None
        try:
            arrays = _as_it_was(read_npz(data, len(_MAGIC) + 32))
            return arrays, made(arrays)
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, EOFError, zipfile.BadZipFile):
            self.discard(address, "is damaged")  # a whole file of something else
            return None

    def read(self, address: str) -> bytes | None:
        """The bytes of an entry that match their checksum, or None if there is none."""
        try:
            data = read_file(self.path(address))
        except FileNotFoundError:
            return None
        except OSError as error:
            self.discard(address, f"cannot be read ({error.strerror})")
            return None
        seal, body = data[: len(_MAGIC) + 32], data[len(_MAGIC) + 32 :]
        if seal == _MAGIC + hashlib.sha256(body).digest():
            _use(self.path(address))
            return data
        self.discard(address, "is damaged")
        return None

    def discard(self, address: str, problem: str) -> None:
        """Says what is wrong with an entry (`is damaged`) and removes it, so that the caller makes it again."""
        path = self.path(address)
        logger.warning("cache entry %s %s; it is made again", path, problem)
        clear(path)


class CodeCache(ArrayCache):
    """Entries of what codecs send, in a folder called `codes`."""

    def code(self, address: str) -> tuple[Code, float] | None:
        """A code and the seconds that encoding it took, or None as `get` says; taking it from its arrays checks it."""
        found = self._found(address, _coded)
        return None if found is None else found[1]
