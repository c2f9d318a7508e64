"""Arrays as `numpy.savez` writes them, read in a tenth of the time that `numpy.load` takes for small ones.

An entry of a cache has a few arrays, most of them a single number, and a run reads several entries per utterance: there
`zipfile` and the evaluation of headers as Python take longer than all else that a run does. The format is that of
https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html in a zip archive without compression.
"""

from __future__ import annotations

import io
import re
import struct
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_MEMBER = struct.Struct("<4s2xHH4x4xLLHH")
"""Of a local file header: signature, flags, method, packed and unpacked size, lengths of the name and of the rest."""

_LONG_SIZES = struct.Struct("<HHQQ")
"""Of the field that follows where sizes may be large: kind, length, unpacked and packed size."""

_HEADER = re.compile(rb"\{'descr': '([^']+)', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\), \} *\n")


def read_npz(data: bytes, start: int = 0) -> dict[str, NDArray[Any]]:
    """The arrays by name. No checksum is compared: the caller knows that the bytes are those that were written.

    Args:
        data: What holds them; nothing follows.
        start: Where they begin in it.

    Raises:
        ValueError: It is something else, or holds Python objects.
        zipfile.BadZipFile, KeyError, EOFError: It is something else.
    """
    try:
        return _members(data, start)
    except (_Unusual, struct.error, ValueError, TypeError):  # another order, packed, structured, not an archive at all
        with np.load(io.BytesIO(data[start:]), allow_pickle=False) as entry:
            return {name: entry[name] for name in entry.files}


class _Unusual(Exception):  # noqa: N818 - no failure: `numpy.load` reads it
    """`numpy.savez` writes nothing like it of what we give it."""


def _members(data: bytes, place: int) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    while data.startswith(b"PK\x03\x04", place):
        _, flags, method, size, whole, name_length, more_length = _MEMBER.unpack_from(data, place)
        place += _MEMBER.size
        name = data[place : place + name_length].decode()
        place += name_length
        if more_length:
            kind, length, whole, size = _LONG_SIZES.unpack_from(data, place)
            if kind != 1 or length != 16:
                raise _Unusual
        place += more_length
        if flags & ~0x800 or method or size != whole or not name.endswith(".npy"):
            raise _Unusual
        found[name.removesuffix(".npy")] = _array(data, place, place + size)
        place += size
    if not found or not data.startswith(b"PK\x01\x02", place):
        raise _Unusual
    return found


def _array(data: bytes, start: int, end: int) -> NDArray[Any]:
    if data[start : start + 8] != b"\x93NUMPY\x01\x00":
        raise _Unusual
    first = start + 10 + int.from_bytes(data[start + 8 : start + 10], "little")
    dtype, shape, order = _described(data[start + 10 : first])
    array = np.frombuffer(memoryview(data)[first:end], dtype)
    return array.reshape(shape, order=order).copy("K")


@lru_cache(maxsize=1024)  # the arrays of a codec have few shapes
def _described(header: bytes) -> tuple[np.dtype[Any], tuple[int, ...], Literal["C", "F"]]:
    """Type, shape and order of an array by its header."""
    found = _HEADER.fullmatch(header)
    if found is None:
        raise _Unusual
    shape = tuple(int(part) for part in found[3].split(b",") if part.strip())
    return np.dtype(found[1].decode()), shape, "F" if found[2] == b"True" else "C"
