"""Messages between codec-bench and a process that works for it: a JSON header, then the bytes of arrays.

Both sides load this file, the other one with whatever Python (3.9 or newer) and NumPy its environment has; so it
imports nothing else of codec-bench. The headers of requests and replies are listed in `serve.py`.

A message is `CBP2`, the length of the header as four bytes (little-endian), the header as UTF-8 JSON, the arrays of the
header's `arrays` (`[name, dtype, shape]` each) in C order, and the CRC-32 of header and arrays as four bytes: what a
plug-in or a child of it writes between is noticed.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

MAGIC = b"CBP2"
DTYPES = ("<f4", "<f8", "<i8", "<i4", "|u1")
"""What arrays may hold; everything else is an error, so that nothing is ever unpickled."""

MAX_HEADER = 1 << 28
MAX_BYTES = 1 << 32
"""Bytes that the arrays of a message may have together."""

MAX_DIMENSIONS = 8

Arrays = dict[str, Any]


class ProtocolError(Exception):
    """What arrived is not a message, or what was to be sent cannot be one."""


def pack(header: Mapping[str, Any], arrays: Mapping[str, Any]) -> list[bytes]:
    """A message as parts to be written one after the other.

    Args:
        header: Anything that JSON can hold, without `arrays`.
        arrays: NumPy arrays by name; integers become int64, other types must be one of `DTYPES`.

    Raises:
        ProtocolError: An array has another type, or there is more than a message may hold.
        ValueError: The header holds a number that is not finite.
    """
    parts = []
    described = []
    for name, value in arrays.items():
        array = np.asarray(value)
        if array.dtype.kind in "iub" and array.dtype.str not in DTYPES:
            array = array.astype("<i8")
        if array.dtype.str not in DTYPES:
            raise ProtocolError(f"array {name} is {array.dtype}")
        described.append([name, array.dtype.str, list(array.shape)])
        parts.append(array.tobytes())
    text = json.dumps(dict(header, arrays=described), allow_nan=False).encode()
    if len(text) > MAX_HEADER or sum(map(len, parts)) > MAX_BYTES:
        raise ProtocolError(f"a message of {len(text) + sum(map(len, parts))} bytes")
    checksum = zlib.crc32(text)
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return [MAGIC + struct.pack("<I", len(text)) + text, *parts, struct.pack("<I", checksum)]


def unpack(read: Callable[[int], bytes]) -> tuple[dict[str, Any], Arrays]:
    """Reads a message.

    Args:
        read: Returns exactly the requested number of bytes, or raises.

    Raises:
        ProtocolError: What arrived is not a message.
    """
    start = read(8)
    if start[:4] != MAGIC:
        raise ProtocolError(f"no message begins with {start[:4]!r}")
    (length,) = struct.unpack("<I", start[4:])
    if length > MAX_HEADER:
        raise ProtocolError(f"a header of {length} bytes")
    text = read(length)
    checksum = zlib.crc32(text)
    try:
        header = json.loads(text.decode())
        described = [(str(name), str(dtype), [int(n) for n in shape]) for name, dtype, shape in header.pop("arrays")]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ProtocolError(f"a header that cannot be read: {error}") from error
    arrays = {}
    left = MAX_BYTES
    for name, dtype, shape in described:
        if dtype not in DTYPES or len(shape) > MAX_DIMENSIONS or any(n < 0 for n in shape):
            raise ProtocolError(f"an array of type {dtype} and shape {shape}")
        size = np.dtype(dtype).itemsize * math.prod(shape)
        left -= size
        if left < 0:
            raise ProtocolError(f"arrays of more than {MAX_BYTES} bytes")
        data = read(size)
        checksum = zlib.crc32(data, checksum)
        arrays[name] = np.frombuffer(data, dtype).reshape(shape).copy()
    if read(4) != struct.pack("<I", checksum):
        raise ProtocolError("a message with something else between")
    return header, arrays
