"""Which codebooks of a codec are meant: `semantic`, `acoustic`, `0`, `1-3`; and lists of numbers: `1,14,22-26`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from codec_bench.errors import UsageError

KINDS = ("semantic", "acoustic")

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def parse_numbers(text: str) -> tuple[int, ...]:
    """Numbers and ranges, each number once, in rising order.

    Raises:
        ValueError: It is something else.

    >>> parse_numbers("0,2-4"), parse_numbers("26")
    ((0, 2, 3, 4), (26,))
    """
    found: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"{part!r} is neither a number nor a range of numbers")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last > 9999:
            raise ValueError(f"{part!r} is no range of numbers")
        found.update(range(first, last + 1))
    return tuple(sorted(found))


@dataclass(frozen=True)
class Books:
    """Codebooks as a command line names them.

    Attributes:
        text: `semantic`, `acoustic`, or numbers from 0 on.

    Raises:
        UsageError: It is something else.

    >>> Books("acoustic").of(4, semantic=(0,), name="longcat")
    (1, 2, 3)
    """

    text: str

    def __post_init__(self) -> None:
        if self.text not in KINDS:
            try:
                parse_numbers(self.text)
            except ValueError as error:
                raise UsageError(f"codebooks are semantic, acoustic, or numbers from 0 on (0, 1-3): {error}") from None

    def of(self, count: int, semantic: Sequence[int], name: str) -> tuple[int, ...]:
        """Their numbers in a system, rising.

        Args:
            count: How many codebooks the system has.
            semantic: Which codebooks of its codec are semantic; see `CodecSpec.semantic_codebooks`.
            name: The system, for messages.

        Raises:
            UsageError: It has no such codebooks, or they are not told apart.
        """
        if self.text not in KINDS:
            found = parse_numbers(self.text)
            if found[-1] >= count:
                have = "codebook 0 alone" if count == 1 else f"codebooks 0 to {count - 1}"
                raise UsageError(f"{name} has {have}, not {found[-1]}")
            return found
        if not semantic:
            raise UsageError(
                f"{name} does not say which of its codebooks are semantic and which acoustic: name numbers, from 0 on"
            )
        chosen = tuple(i for i in range(count) if (i in semantic) == (self.text == "semantic"))
        if not chosen:
            raise UsageError(f"{name} has no {self.text} codebook among its first {count}")
        return chosen
