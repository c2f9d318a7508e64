"""How often the entries of each codebook are used, and what coding them by their frequency would save."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from codec_bench.records import NotScorable, Status
from codec_bench.token_statistics.key_counts import Spectrum
from codec_bench.token_statistics.prefix_code import huffman_lengths
from codec_bench.tokens import Codebook, IntArray, Tokens


@dataclass(frozen=True)
class CodebookUse:
    """The use of one codebook over a data set.

    Entropy and Huffman length are those of single tokens by their relative frequency over the data set, as the
    Stable-Codec paper (Parker et al., 2024, appendix A.8) has them: what depends on earlier tokens is not used.

    Attributes:
        book: The codebook.
        rate: Tokens per second.
        counts: int64 `[book.size]`.
    """

    book: Codebook
    rate: Fraction
    counts: IntArray

    @property
    def tokens(self) -> int:
        """Tokens that were counted."""
        return int(self.counts.sum())

    @property
    def used(self) -> int:
        """Entries that occur."""
        return int(np.count_nonzero(self.counts))

    @property
    def dead(self) -> int:
        """Entries that never occur."""
        return self.book.size - self.used

    @property
    def utilisation(self) -> float:
        """Share of the entries that occur."""
        return self.used / self.book.size

    @cached_property
    def entropy_bits(self) -> float:
        """Entropy in bits per token; no code for single tokens needs less on average."""
        return Spectrum.of(self.counts).entropy_bits

    @property
    def normalised_entropy(self) -> float | None:
        """Entropy out of log2 of the codebook's size, not of the used entries; None for a single entry."""
        return self.entropy_bits / math.log2(self.book.size) if self.book.size > 1 else None

    @property
    def perplexity(self) -> float:
        """2 to the entropy: as many equally used entries would have the same entropy."""
        return float(2**self.entropy_bits)

    @cached_property
    def code_lengths(self) -> IntArray:
        """int64 `[book.size]`: lengths of Huffman's code in bits."""
        return huffman_lengths(self.counts)

    @property
    def huffman_bits(self) -> float:
        """Mean length of Huffman's code in bits per token; 0 where nothing was counted."""
        return float(self.counts @ self.code_lengths) / max(1, self.tokens)

    @cached_property
    def information(self) -> NDArray[np.float64]:
        """float64 `[book.size]`: -log2 of each entry's relative frequency in bits; 0 for entries that never occur."""
        shares = self.counts / max(1, self.tokens)
        return -np.log2(shares, out=np.zeros(len(shares)), where=shares > 0)


class CodebookCounts:
    """Counts the entries of each codebook of a system."""

    def __init__(self) -> None:
        self._books: tuple[tuple[Codebook, Fraction], ...] = ()
        self._counts: list[IntArray] = []
        self._seconds: list[Fraction] = []

    def add(self, tokens: Tokens) -> None:
        """Counts the tokens of an utterance.

        Raises:
            NotScorable: There are none, or they have other codebooks than those before them.
        """
        books = tuple((s.codebook, s.rate) for s in tokens.streams)
        if not books:
            raise NotScorable("there are no codebooks", Status.EMPTY)
        if not self._books:
            self._books = books
            self._counts = [np.zeros(book.size, np.int64) for book, _ in books]
            self._seconds = [Fraction(0)] * len(books)
        elif _kinds(books) != _kinds(self._books):
            raise NotScorable("the tokens are of other codebooks than those before them", Status.UNDEFINED)
        for place, stream in enumerate(tokens.streams):
            np.add.at(self._counts[place], stream.codes, 1)
            self._seconds[place] += len(stream.codes) / stream.rate

    def use(self) -> list[CodebookUse]:
        """The use of each codebook so far; its rate is that of all utterances together, where they differ."""
        known = zip(self._books, self._counts, self._seconds, strict=True)
        return [
            CodebookUse(book, int(counts.sum()) / seconds if seconds else rate, counts.copy())
            for (book, rate), counts, seconds in known
        ]


def _kinds(books: tuple[tuple[Codebook, Fraction], ...]) -> list[tuple[int, float]]:
    """What must be the same for all utterances. The hop need not: for packets it counts samples of the recording; nor
    the rate, which may be the recording's own.
    """
    return [(book.size, book.bits) for book, _ in books]


def coded_bits(tokens: Tokens, use: list[CodebookUse]) -> tuple[float, int]:
    """Bits of an utterance by the frequencies of the data set it is part of: ideal, and with Huffman's codes."""
    pairs = list(zip(tokens.streams, use, strict=True))
    ideal = sum(float(u.information[s.codes].sum()) for s, u in pairs)
    return ideal, sum(int(u.code_lengths[s.codes].sum()) for s, u in pairs)
