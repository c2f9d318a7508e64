"""From frame-wise probabilities to a text: greedy and prefix beam search for CTC."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

BLANK = 0
LOG_2 = math.log(2)
PRUNE = -5.0
"""Symbols whose log probability in a frame is below this are not tried (e^-5 = 0.7 %)."""


def greedy(log_probs: NDArray[np.float32]) -> list[int]:
    """The best symbol of each frame, repeats merged, blanks left out.

    Args:
        log_probs: `[frames, symbols]`; symbol 0 is the blank.

    >>> greedy(np.log(np.array([[.1, .9], [.1, .9], [.9, .1], [.1, .9]], np.float32)))
    [1, 1]
    """
    best = log_probs.argmax(axis=1)
    changed = np.concatenate([[True], best[1:] != best[:-1]])
    return [int(symbol) for symbol in best[changed] if symbol != BLANK]


def beam_search(log_probs: NDArray[np.float32], width: int, prune: float = PRUNE) -> list[int]:
    """The most probable text as far as a beam sees it: the sum over all alignments, not the best one.

    Args:
        log_probs: `[frames, symbols]`, natural logarithms; symbol 0 is the blank.
        width: Prefixes that are kept.
        prune: Symbols with a log probability below this are not tried; minus infinity tries all.

    Source:
        A. Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent
        DNNs", 2014, without a language model.
    """
    # Log probabilities of each prefix: its last frame a blank, its last frame its last symbol, and both.
    beams: dict[tuple[int, ...], tuple[float, float, float]] = {(): (0.0, -math.inf, 0.0)}
    rows = np.asarray(log_probs, np.float64)
    best_first = np.argsort(-rows, axis=1, kind="stable").tolist()
    for row, order in zip(rows.tolist(), best_first, strict=True):
        tried = [s for s in order if row[s] >= prune and s != BLANK]
        grown = [_staying(prefix, beams, row, prune) for prefix in beams]
        # What is less probable than all that stay, once the beam is full, is out of it.
        least = max(cost for cost, *_ in grown) if len(grown) == width else math.inf
        for prefix, (blank, _, total) in beams.items():
            last = prefix[-1] if prefix else BLANK
            for s in tried:
                if -(total + row[s]) > least:
                    break
                longer = (*prefix, s)
                if longer not in beams:
                    # A symbol right after itself is a new one only behind a blank.
                    found = (blank if s == last else total) + row[s]
                    grown.append((-found, longer, -math.inf, found))
        grown.sort()
        beams = {prefix: (blank, symbol, -cost) for cost, prefix, blank, symbol in grown[:width]}
    return list(next(iter(beams)))


def _staying(
    prefix: tuple[int, ...], beams: Mapping[tuple[int, ...], tuple[float, float, float]], row: list[float], prune: float
) -> tuple[float, tuple[int, ...], float, float]:
    """A prefix after a frame that adds nothing to it, or grows the one before it into it.

    Returns:
        Minus its log probability, itself, and its log probabilities with a blank and a symbol last.
    """
    _, symbol, total = beams[prefix]
    silent, spoken = total + row[BLANK], -math.inf
    if prefix:
        last = row[prefix[-1]]
        spoken = symbol + last
        shorter = beams.get(prefix[:-1])
        if shorter is not None and last >= prune:
            spoken = _either(spoken, (shorter[0] if prefix[-2:-1] == prefix[-1:] else shorter[2]) + last)
    return -_either(silent, spoken), prefix, silent, spoken


def _either(one: float, other: float) -> float:
    """`numpy.logaddexp` of two numbers, to the last bit and in a tenth of the time."""
    if one == other:
        return one + LOG_2
    high, low = (one, other) if one > other else (other, one)
    return high + math.log1p(math.exp(low - high))


def frames_needed(symbols: Sequence[int]) -> int:
    """Frames without which CTC cannot give a text: one per symbol, and a blank between equal neighbours.

    >>> frames_needed([3, 5, 5])
    4
    """
    return len(symbols) + sum(a == b for a, b in pairwise(symbols))
