"""How much the tokens of one codebook say about those of another in the same frame."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from codec_bench.token_statistics.key_counts import MEMORY, KeyCounter, Spectrum
from codec_bench.tokens import IntArray, Stream, Tokens

FIRST = 8
"""Codebooks whose pairs are looked at by default."""


@dataclass(frozen=True)
class Dependence:
    """The mutual information of two codebooks.

    Attributes:
        first: Number of a codebook, from 1.
        second: Number of another.
        frames: Frames that were counted.
        cells: Pairs of entries that occur. Where there are not many frames for each, the estimate is poor in spite of
            the correction.
        plug_in: Estimate from the relative frequencies, in bits; too high on average.
        corrected: After Miller and Madow: each entropy is raised by (types - 1) / (2 frames) nats. Below zero by
            chance where there is no dependence.
        entropies: Entropies of the two codebooks over these frames, in bits, without correction.
    """

    first: int
    second: int
    frames: int
    cells: int
    plug_in: float
    corrected: float
    entropies: tuple[float, float]


class PairCounts:
    """Counts pairs of tokens of the same time for all pairs of the first codebooks, each with `memory` pairs in memory.

    Where rates differ, each token of the faster codebook is paired with the one that the slower sends at that time.
    """

    def __init__(self, first: int = FIRST, memory: int = MEMORY) -> None:
        self._first = first
        self._memory = memory
        self._joint: dict[tuple[int, int], KeyCounter] = {}
        self._single: dict[tuple[int, int], tuple[IntArray, IntArray]] = {}

    def add(self, tokens: Tokens) -> None:
        """Counts the pairs of an utterance."""
        for one, other in combinations(range(min(self._first, len(tokens.streams))), 2):
            a, b = tokens.streams[one], tokens.streams[other]
            left, right = _aligned(a, b)
            if (one, other) not in self._joint:
                self._joint[one, other] = KeyCounter(self._memory)
                self._single[one, other] = (np.zeros(a.codebook.size, np.int64), np.zeros(b.codebook.size, np.int64))
            keys = left.astype(np.uint64) * np.uint64(b.codebook.size) + right.astype(np.uint64)
            self._joint[one, other].add(keys)
            for counts, codes in zip(self._single[one, other], (left, right), strict=True):
                np.add.at(counts, codes, 1)

    def dependences(self) -> Iterator[Dependence]:
        """The mutual information of each pair that has frames."""
        for (one, other), joint in sorted(self._joint.items()):
            both = joint.spectrum()
            a, b = (Spectrum.of(counts) for counts in self._single[one, other])
            if both.total:
                plug_in = max(0.0, a.entropy_bits + b.entropy_bits - both.entropy_bits)
                surplus = both.distinct - a.distinct - b.distinct + 1
                corrected = plug_in - surplus / (2 * both.total) / math.log(2)
                entropies = (a.entropy_bits, b.entropy_bits)
                yield Dependence(one + 1, other + 1, both.total, both.distinct, plug_in, corrected, entropies)

    def close(self) -> None:
        """Removes what lies on the disk."""
        for joint in self._joint.values():
            joint.close()


def _aligned(a: Stream, b: Stream) -> tuple[IntArray, IntArray]:
    """The codes of two streams at the times of the faster one."""
    if a.rate == b.rate:
        frames = min(len(a.codes), len(b.codes))
        return a.codes[:frames], b.codes[:frames]
    if a.rate < b.rate:
        right, left = _aligned(b, a)
        return left, right
    ratio = b.rate / a.rate
    at = np.arange(len(a.codes)) * ratio.numerator // ratio.denominator
    at = at[at < len(b.codes)]
    return a.codes[: len(at)], b.codes[at]
