"""How results are compared with known answers: pure functions of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def share_equal(found: Sequence[int] | Array, expected: Sequence[int]) -> float:
    """Share of the expected tokens that stand where they are expected; what is missing is not equal.

    >>> share_equal([1, 2, 3, 9], [1, 5, 3]), share_equal([], [1])
    (0.6666666666666666, 0.0)
    """
    taken = np.asarray(found)[: len(expected)]
    return float(np.sum(taken == np.asarray(expected)[: len(taken)]) / len(expected))


def relative_distance(found: Array, expected: Sequence[float]) -> float:
    """Length of the difference of two vectors out of the length of the expected one; infinite for other sizes.

    >>> relative_distance(np.array([3.0, 4.5]), [3.0, 4.0])
    0.1
    """
    wanted = np.asarray(expected, np.float64)
    if np.shape(found) != wanted.shape:
        return float("inf")
    return float(np.linalg.norm(np.asarray(found, np.float64) - wanted) / np.linalg.norm(wanted))


def normalised_rmse(one: Array, other: Array) -> float:
    """Root mean squared difference of two signals, cut to the shorter one, each divided by its own L2 norm.

    That is how the integration tests of transformers have it, so it depends on the length: `rmse_as_correlation` makes
    a correlation of it.

    >>> normalised_rmse(np.array([1.0, 0.0]), np.array([0.0, 2.0, 5.0]))
    1.0
    """
    length = min(len(one), len(other))
    a, b = (np.asarray(signal[:length], np.float64) for signal in (one, other))
    norms = np.linalg.norm(a), np.linalg.norm(b)
    if not length or not all(norms):
        return float("inf")
    return float(np.sqrt(np.mean((a / norms[0] - b / norms[1]) ** 2)))


def rmse_as_correlation(rmse: float, length: int) -> float:
    """The correlation of two signals of `length` samples whose normalised RMSE is known.

    >>> rmse_as_correlation(1.0, 2), rmse_as_correlation(0.0, 2)
    (0.0, 1.0)
    """
    return 1 - length * rmse**2 / 2


def best_correlation(one: Array, other: Array, most: int) -> tuple[float, int]:
    """The largest correlation of two signals over lags, whatever their gains.

    Args:
        one: Signal `[n]`.
        other: Signal `[m]`.
        most: The largest lag in samples, in either direction.

    Returns:
        The correlation of largest magnitude, with its sign, over what overlaps at lag 0; and by how many samples
        `one` is late there.

    >>> x = np.sin(np.arange(100) ** 1.5)
    >>> correlation, lag = best_correlation(np.concatenate([np.zeros(3), x]), 2 * x, 5)
    >>> round(correlation, 6), lag
    (1.0, 3)
    """
    from scipy.signal import correlate

    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    scale = np.linalg.norm(a) * np.linalg.norm(b)
    if not scale:
        return 0.0, 0
    found = correlate(a, b, mode="full", method="fft") / scale
    zero = len(b) - 1
    first, last = max(0, zero - most), min(len(found), zero + most + 1)
    place = first + int(np.argmax(np.abs(found[first:last])))
    return float(found[place]), place - zero


def word_errors(found: str, expected: str) -> int:
    """Words that were inserted, deleted or replaced, without case and punctuation.

    >>> word_errors("And so, my fellow Americans!", "and so my fellow american")
    1
    """
    import jiwer

    counted = jiwer.process_words(" ".join(plain_words(expected)), " ".join(plain_words(found)))
    return int(counted.substitutions + counted.deletions + counted.insertions)


def plain_words(text: str) -> list[str]:
    """The words of a text, in lower case, without punctuation but apostrophes within words."""
    kept = "".join(c if c.isalnum() or c == "'" else " " for c in text.lower().replace("’", "'"))
    return [word for part in kept.split() if (word := part.strip("'"))]
