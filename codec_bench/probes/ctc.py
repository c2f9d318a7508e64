"""From frame-wise probabilities to a text: greedy and prefix beam search for CTC."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

BLANK = 0
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
    # Log probability of each prefix, with its last frame a blank, and with its last frame its last symbol.
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -np.inf)}
    for row in np.asarray(log_probs, np.float64):
        tried = [int(s) for s in np.flatnonzero(row >= prune) if s != BLANK]
        grown: dict[tuple[int, ...], tuple[float, float]] = {}
        for prefix, (blank, symbol) in beams.items():
            total = float(np.logaddexp(blank, symbol))
            _put(grown, prefix, total + row[BLANK], -np.inf)
            if prefix:
                _put(grown, prefix, -np.inf, symbol + row[prefix[-1]])
            for s in tried:
                # A symbol right after itself is a new one only behind a blank.
                _put(grown, (*prefix, s), -np.inf, (blank if prefix and prefix[-1] == s else total) + row[s])
        kept = sorted(grown, key=lambda p: (-np.logaddexp(*grown[p]), p))[:width]
        beams = {prefix: grown[prefix] for prefix in kept}
    return list(next(iter(beams)))


def _put(
    grown: dict[tuple[int, ...], tuple[float, float]], prefix: tuple[int, ...], blank: float, symbol: float
) -> None:
    """Adds an alignment to those of a prefix."""
    old_blank, old_symbol = grown.get(prefix, (-np.inf, -np.inf))
    grown[prefix] = float(np.logaddexp(old_blank, blank)), float(np.logaddexp(old_symbol, symbol))


def frames_needed(symbols: Sequence[int]) -> int:
    """Frames without which CTC cannot give a text: one per symbol, and a blank between equal neighbours.

    >>> frames_needed([3, 5, 5])
    4
    """
    return len(symbols) + sum(a == b for a, b in pairwise(symbols))
