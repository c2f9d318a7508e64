"""A folder of arrays by content address that several processes may share."""

from __future__ import annotations

import hashlib
import io
import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.files import write_atomically

logger = logging.getLogger(__name__)

_MAGIC = b"codec-bench/1\n"


class ArrayCache:
    """Named arrays under `root`, one file per address, each with its own checksum.

    Writing is atomic, so processes that write the same entry do not disturb each other. An entry that does not match
    its checksum is reported, removed, and counts as absent: the caller makes it again.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, address: str) -> Path:
        """The file of an entry."""
        return self.root / address[:2] / address[2:]

    def __contains__(self, address: str) -> bool:
        return self.path(address).is_file()

    def put(self, address: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Stores an entry.

        Raises:
            DiskFullError: No room left; nothing is left behind.
            UsageError: The folder cannot be written.
        """
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        body = buffer.getvalue()
        write_atomically(self.path(address), _MAGIC + hashlib.sha256(body).digest() + body)

    def get(self, address: str) -> dict[str, NDArray[Any]] | None:
        """Reads an entry, or returns None if there is none or it is damaged."""
        path = self.path(address)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            logger.warning("cache entry %s cannot be read (%s); it is made again", path, error.strerror)
            return None
        body = data[len(_MAGIC) + 32 :]
        if data[: len(_MAGIC)] == _MAGIC and hashlib.sha256(body).digest() == data[len(_MAGIC) : len(_MAGIC) + 32]:
            try:
                with np.load(io.BytesIO(body), allow_pickle=False) as entry:
                    return {name: entry[name] for name in entry.files}
            except (ValueError, zipfile.BadZipFile, KeyError):
                pass  # a whole file of another format: treated as damaged below
        logger.warning("cache entry %s is damaged; it is made again", path)
        path.unlink(missing_ok=True)
        return None
