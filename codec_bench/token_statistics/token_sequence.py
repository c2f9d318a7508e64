"""All codebooks of an utterance as one sequence, as language models over codec tokens read them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codec_bench.tokens import Tokens


@dataclass(frozen=True)
class Sequence:
    """The tokens of an utterance in the order of time.

    Attributes:
        symbols: int32 `[length]`, in `[0, sum of the codebook sizes)`: each codebook has symbols of its own.
        books: int16 `[length]`, the codebook of each.
        seconds: The time that they last.
    """

    symbols: NDArray[np.int32]
    books: NDArray[np.int16]
    seconds: float


def flattened(tokens: Tokens) -> Sequence:
    """Tokens one after the other: by the time at which they begin, and at the same time the first codebook first.

    Which codebook a token is of follows from its place, so the order costs nothing to tell.

    >>> from fractions import Fraction
    >>> from codec_bench.tokens import Codebook, Stream
    >>> slow = Stream(np.array([1, 2]), Codebook(4, hop=640), Fraction(25))
    >>> fast = Stream(np.array([0, 1, 2, 3]), Codebook(4, hop=320), Fraction(50))
    >>> flattened(Tokens((slow, fast))).symbols.tolist()
    [1, 4, 5, 2, 6, 7]
    """
    offsets = np.cumsum([0, *(s.codebook.size for s in tokens.streams)])
    symbols = np.concatenate([s.codes + start for s, start in zip(tokens.streams, offsets, strict=False)])
    books = np.concatenate([np.full(len(s.codes), i) for i, s in enumerate(tokens.streams)])
    # Rates are fractions: the times in units of the rates' common numerator are whole numbers.
    common = np.lcm.reduce([s.rate.numerator for s in tokens.streams]).item()
    times = np.concatenate(
        [np.arange(len(s.codes)) * (common // s.rate.numerator * s.rate.denominator) for s in tokens.streams]
    )
    order = np.lexsort((books, times))
    return Sequence(symbols[order].astype(np.int32), books[order].astype(np.int16), tokens.seconds)
