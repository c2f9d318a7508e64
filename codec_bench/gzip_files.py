"""Files packed with gzip: the same bytes for the same content, and no more unpacked than may be."""

from __future__ import annotations

import gzip
import io
import zlib

MAGIC = b"\x1f\x8b"
"""How every one begins."""


def gzipped(content: bytes) -> bytes:
    """A packed file that says neither when nor where it was made."""
    packed = io.BytesIO()
    # `gzip.compress` says from Python 3.11 on which kind of system it ran on.
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
        file.write(content)
    return packed.getvalue()


def gunzipped(packed: bytes, most: int) -> bytes:
    """What was packed.

    Args:
        packed: A whole file.
        most: Bytes that the content may have.

    Raises:
        ValueError: It is damaged, or larger.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            content = file.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"it cannot be unpacked: {error}") from error
    if len(content) > most:
        raise ValueError(f"it has more than {most} bytes when it is unpacked")
    return content
