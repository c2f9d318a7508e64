"""Which patches of the decoded signal belong to those of the reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from codec_bench.metrics.visqol.similarity import PATCH_FRAMES, Neurograms, Patch, patch_of
from codec_bench.metrics.visqol.spectrogram import BANDS
from codec_bench.stats import Floats

SEARCH_FRAMES = 60 * PATCH_FRAMES

Match = tuple[int | None, Patch]
"""Where the decoded patch begins that goes with one of the reference, None where it was lost; how alike they are."""


def matches(patches: list[Floats], starts: list[int], decoded: Floats) -> list[Match]:
    """The sequence of decoded patches that is most like that of the reference; None if one has no counterpart.

    Decoded patches begin within 24 s of those of the reference, each behind that before.
    """
    frames = decoded.shape[1]
    padded = np.pad(decoded, ((0, 0), (0, PATCH_FRAMES - 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, PATCH_FRAMES, axis=1)
    neurograms = Neurograms(np.ascontiguousarray(windows.transpose(1, 0, 2)))
    total, came_from = np.zeros((len(starts), frames)), np.zeros((len(starts), frames), np.int64)
    for index, (patch, start) in enumerate(zip(patches, starts, strict=True)):
        low, high = max(0, start - SEARCH_FRAMES), min(frames, start + SEARCH_FRAMES + 1)
        here = neurograms.similarities(patch, slice(low, high)).mean(axis=(1, 2))
        total[index, low:high], came_from[index, low:high] = here, -1
        if index:
            before = total[index - 1]
            best, source = _best_before(before, max(0, starts[index - 1] - SEARCH_FRAMES), frames)
            here = here + best[low:high]
            is_lost = before[low:high] > here
            total[index, low:high] = np.where(is_lost, before[low:high], here)
            came_from[index, low:high] = np.where(is_lost, np.arange(low, high), source[low:high])
    low = max(0, starts[-1] - SEARCH_FRAMES)
    position = low + int(np.argmax(total[-1, low : starts[-1] + SEARCH_FRAMES + 1]))
    found: list[Match] = []
    for index in reversed(range(len(starts))):
        source_of = int(came_from[index, position])
        pair = patch_of(patches[index], neurograms.patches[position])
        is_lost_there = source_of == position
        found.append((None, replace(pair, means=np.zeros(BANDS))) if is_lost_there else (position, pair))
        position = source_of
    return found[::-1]


def _best_before(scores: Floats, low: int, frames: int) -> tuple[Floats, NDArray[np.int64]]:
    """Largest of `scores[low:i]` for every `i`, and the last place where it is; minus infinity where there is none."""
    highest = np.maximum.accumulate(scores[low:])
    places = np.maximum.accumulate(np.where(scores[low:] == highest, np.arange(low, frames), -1))
    best, source = np.full(frames, -np.inf), np.full(frames, -1, np.int64)
    best[low + 1 :], source[low + 1 :] = highest[:-1], places[:-1]
    return best, source
