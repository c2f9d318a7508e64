"""What the headers of an answer say of the file that follows, as far as they can be true."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from codec_bench.errors import UnavailableError

if TYPE_CHECKING:
    import requests


@dataclass(frozen=True)
class Answer:
    """What a server says before it sends.

    Attributes:
        start: Where in the file the body begins; None for a whole file.
        total: Bytes of the whole file, or None if that is not said.
        validator: Which version of the file it is, for `If-Range`; empty if that is not said.
        digest: SHA-256 of the file, where the server states it.
        coding: How the body is packed on its way, e.g. `gzip`; empty if it is not.
    """

    start: int | None
    total: int | None
    validator: str
    digest: str | None
    coding: str

    @classmethod
    def of(cls, response: requests.Response) -> Answer:
        """Reads the headers; what they say that cannot be counts as not said."""
        headers = response.headers
        start, total = None, stated_size(headers.get("Content-Length"))
        if response.status_code in (206, 416):  # a part, or none that could be asked for
            match = re.fullmatch(
                r"bytes (?:([0-9]{1,18})-[0-9]{1,18}|\*)/([0-9]{1,18}|\*)", headers.get("Content-Range", "")
            )
            start = int(match[1]) if match and match[1] else -1
            total = stated_size(match[2]) if match else None
        tag = headers.get("ETag", "")
        validator = headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag
        coding = headers.get("Content-Encoding", "").strip().lower()
        return cls(start, total, validator, _stated_digest(response), "" if coding == "identity" else coding)

    def ends_at(self, size: int) -> bool:
        """Whether the file has that many bytes, so that all of it is here already."""
        return self.total == size

    def continues(self, first: Answer | None) -> bool:
        """Whether it is of the same file as the first answer of the same download, as far as both say."""
        if first is None:
            return True
        pairs = ((self.total, first.total), (self.validator, first.validator))
        return all(not ours or not theirs or ours == theirs for ours, theirs in pairs)

    def check(self, url: str, size: int | None, *, is_checked: bool) -> None:
        """Refuses what cannot be the file.

        Args:
            url: Where it comes from.
            size: Bytes that it must have, or None.
            is_checked: Whether a digest will tell; servers call an archive gzip coding that is none.

        Raises:
            UnavailableError: It has another size, or is packed.
        """
        if size is not None and self.total not in (None, size):
            raise UnavailableError(f"{url} is another file: it has {self.total} bytes, expected {size}")
        is_archive = PurePosixPath(urlsplit(url).path).suffix.lower() in (".gz", ".tgz", ".bz2", ".xz")
        if self.coding and not is_checked and not is_archive:
            raise UnavailableError(f"{url} is packed on its way ({self.coding[:20]}), which was not asked for")


def stated_size(text: str | None) -> int | None:
    """A number of bytes from a header; None if it is no such number.

    >>> stated_size("400"), stated_size("-5"), stated_size("abc"), stated_size(None)
    (400, None, None, None)
    """
    return int(text) if text and re.fullmatch("[0-9]{1,18}", text) else None


def _stated_digest(response: requests.Response) -> str | None:
    """Hugging Face states the SHA-256 of large files in a header of the first answer."""
    for step in [*response.history, response]:
        tag = step.headers.get("X-Linked-ETag", "").strip('"').removeprefix('W/"')
        if re.fullmatch("[0-9a-f]{64}", tag):
            return str(tag)
    return None
