"""A part of what a codec makes of a recording, as a row of its own: some codebooks, or a hidden layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codec_bench.adapters.books import Books
from codec_bench.adapters.codec import Codec
from codec_bench.coding.rows import Row, describe_system
from codec_bench.fingerprint import address
from codec_bench.token_streams import tokens_of
from codec_bench.tokens import Code, Tokens


def part_label(row: Row, part: str) -> str:
    """How a row of a part is called: `longcat[semantic]`, `longcat@2[acoustic]`; without a part as the row is."""
    if not part:
        return row.label
    modes = isinstance(row.source, Codec) and row.source.modes
    is_whole = not modes and row.codebooks == len(row.spec.codebooks)
    return f"{row.label.partition('@')[0] if is_whole else row.label}[{part}]"


@dataclass(frozen=True)
class PartOfTokens:
    """The tokens of a row, or those of some codebooks alone.

    Attributes:
        row: A codec at a setting.
        books: Which codebooks; None for all that the setting has.

    Raises:
        UsageError: The codec has no such codebooks.
    """

    row: Row
    books: Books | None = None

    def __post_init__(self) -> None:
        if self.books is not None and self.row.spec.codebooks:
            self.numbers(self.row.codebooks or len(self.row.spec.codebooks))

    @property
    def label(self) -> str:
        """Label of the row."""
        return part_label(self.row, self.books.text if self.books else "")

    def numbers(self, count: int) -> tuple[int, ...]:
        """The numbers of the codebooks, where the system has this many."""
        if self.books is None:
            return tuple(range(count))
        return self.books.of(count, self.row.spec.semantic_codebooks, self.row.label)

    def of(self, code: Code) -> Tokens:
        """The tokens of the part in a code of the row.

        Raises:
            UsageError: The packets of a bitstream are no tokens, or it has no such codebooks.
        """
        tokens = tokens_of(code)
        return tokens if self.books is None else tokens.picked(self.numbers(len(tokens.streams)))

    def describe(self) -> dict[str, Any]:
        """The row as `run.json` keeps it; see `describe_system`."""
        described = describe_system(self.row)
        spec = self.row.spec
        if self.books is None:
            return described
        used = self.numbers(self.row.codebooks or len(spec.codebooks)) if spec.codebooks else ()
        rates = [] if spec.variable_rate else [float(spec.token_rate(i)) for i in used]
        return described | {
            "label": self.label,
            "note": f"codebooks {', '.join(map(str, used))} alone" if used else f"fields {self.books.text} alone",
            "fingerprint": address(system=described["fingerprint"], books=self.books.text),
            "books": list(used),
            "codebooks_used": len(used) or None,
            "frame_rate_hz": max(rates, default=spec.frame_rate),
            "tokens_per_second": sum(rates) or None,
            "nominal_bitrate": sum(r * spec.codebooks[i].bits for r, i in zip(rates, used, strict=False)) or None,
        }


def parts_of_tokens(rows: Sequence[Row], books: str) -> list[PartOfTokens]:
    """The same part of each row; all of it where `books` is empty."""
    return [PartOfTokens(row, Books(books) if books else None) for row in rows]
