"""How often sequences of n tokens, words or phones occur."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from codec_bench.token_statistics.key_counts import MEMORY, KeyCounter, Keys, Spectrum
from codec_bench.tokens import IntArray, Tokens

LONGEST = 6
"""As in figure 3 of the MagiCodec paper."""


class NgramCounts:
    """Counts n-grams of every length up to a longest one, of each length `memory` in memory and the others on the disk.

    An n-gram that fits into 64 bits is counted as it is; a longer one by a 64-bit hash of it. That any two of m
    different n-grams fall together then has a probability of about m^2 / 2^65: 3e-8 for a million, 3e-4 for a hundred
    million. N-grams do not cross utterances.
    """

    def __init__(self, longest: int = LONGEST, memory: int = MEMORY) -> None:
        self._counters = [KeyCounter(memory) for _ in range(longest)]

    def add(self, symbols: IntArray, bits: int) -> None:
        """Counts the n-grams of an utterance.

        Args:
            symbols: int64 `[length]`, or `[length, parts]` where each symbol is a tuple.
            bits: Every entry lies in `[0, 2^bits)`; 64 for hashes. The same in all calls.
        """
        table = symbols.reshape(len(symbols), -1).astype(np.uint64)
        for number, counter in enumerate(self._counters, 1):
            if len(table) >= number:
                counter.add(_keys(table, number, bits))

    def spectra(self) -> list[Spectrum]:
        """The spectrum of the n-grams of each length, from 1 on."""
        return [counter.spectrum() for counter in self._counters]

    def close(self) -> None:
        """Removes what lies on the disk."""
        for counter in self._counters:
            counter.close()


def token_symbols(tokens: Tokens, codebooks: int = 1) -> tuple[IntArray, int]:
    """Symbols of an utterance and their bits, for `NgramCounts.add`.

    A symbol is the tuple of the first so many codebooks, of those with the rate of the first.
    """
    first = tokens.streams[0]
    taken = [s for s in tokens.streams[:codebooks] if s.rate == first.rate]
    length = min(len(s.codes) for s in taken)
    bits = max(1, *((s.codebook.size - 1).bit_length() for s in taken))
    return np.stack([s.codes[:length] for s in taken], axis=1), bits


def text_symbols(words: Iterable[str]) -> tuple[IntArray, int]:
    """The symbols of a sequence of words or phones, as 64-bit hashes, and their bits."""
    found = [int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little", signed=True) for word in words]
    return np.array(found, np.int64), 64


def _keys(table: NDArray[np.uint64], number: int, bits: int) -> Keys:
    """A key for each n-gram of a table `[length, parts]`."""
    length = len(table) - number + 1
    parts: Sequence[NDArray[np.uint64]] = [
        table[start : start + length, part] for start in range(number) for part in range(table.shape[1])
    ]
    keys = np.zeros(length, np.uint64)
    if len(parts) * bits <= 64:
        for values in parts:
            keys = (keys << np.uint64(bits)) | values if bits < 64 else values
        return keys
    for values in parts:
        keys = _mixed(keys + np.uint64(0x9E3779B97F4A7C15) ^ _mixed(values))
    return keys


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A permutation of the 64-bit numbers that spreads every bit (the finaliser of SplitMix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
