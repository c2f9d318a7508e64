"""Tokens that are made up, and a source of them that needs no codec."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from codec_bench.coding.items import Item
from codec_bench.records import NotScorable, Utterance
from codec_bench.token_statistics.embedding_map import histogram_embedding
from codec_bench.tokens import Codebook, Stream, Tokens


def tokens_with(*codes: Sequence[int], size: int = 16, rate: int = 50) -> Tokens:
    """Tokens of codebooks of one size and rate."""
    book = Codebook(size, hop=16_000 // rate)
    return Tokens(tuple(Stream(np.asarray(c, np.int64), book, Fraction(rate)) for c in codes))


def items_by(speakers: Sequence[str | None]) -> tuple[Item, ...]:
    """An utterance for each speaker named, without audio."""
    return tuple(
        Item(Utterance(f"u{i:04d}", Path("nowhere"), speaker=s, language="en"), f"digest-{i}")
        for i, s in enumerate(speakers)
    )


class MadeUp:
    """Tokens by a function of the utterance; `changed` gives the same, or what another function makes of them."""

    can_encode = True

    def __init__(
        self, make: Callable[[Item], Tokens], change: Callable[[Tokens, str], Tokens] = lambda t, _: t
    ) -> None:
        self.make = make
        self.change = change
        self.asked = 0
        self.systems: Mapping[str, Mapping[str, object]] = {"made-up": {}}

    def tokens(self, system: str, item: Item) -> Tokens:
        self.asked += 1
        if item.problem:
            raise NotScorable(item.problem, item.status)
        return self.make(item)

    def changed(self, system: str, item: Item, change: str) -> Tokens:
        return self.change(self.make(item), change)

    def embedding(self, system: str, item: Item):
        return histogram_embedding(self.tokens(system, item)), "one-hot"

    def close(self) -> None:
        pass


def random_of(item: Item, size: int, frames: int, books: int = 1) -> Tokens:
    """Independent uniform tokens that depend on the utterance alone."""
    draw = np.random.default_rng(int.from_bytes(item.utterance.id.encode(), "little"))
    return tokens_with(*draw.integers(0, size, (books, frames)), size=size)
