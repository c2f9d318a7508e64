"""From two signals to how alike their patches are."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from codec_bench.metrics.visqol.matching import Match, matches
from codec_bench.metrics.visqol.pieces import Piece, aligned_and_cut, early_by
from codec_bench.metrics.visqol.similarity import PATCH_FRAMES, Patch, patch_of
from codec_bench.metrics.visqol.spectrogram import comparable, hop_size, window_size
from codec_bench.records import NotScorable, Status
from codec_bench.stats import Floats

FIRST_FRAME = PATCH_FRAMES // 2 - 1
ACTIVE_RMS, HANGOVER_FRAMES = 5000.0, 2


def patches(reference: Floats, decoded: Floats, rate: int) -> list[Patch]:
    """The active patches of the reference, in their order.

    The signals, `[n]` and `[m]` in [-1, 1], have a rate of at least 16,000 Hz.

    Raises:
        NotScorable: As for `visqol`.
    """
    early = early_by(reference, decoded)
    decoded = np.pad(decoded[max(-early, 0) :], (max(early, 0), 0))
    shortest = window_size(rate) + (FIRST_FRAME + PATCH_FRAMES - 1) * hop_size(rate)
    if min(len(reference), len(decoded)) < shortest:
        raise NotScorable(f"shorter than the {shortest / rate:.2f} s that ViSQOL needs", Status.TOO_SHORT)
    if not decoded.any():
        raise NotScorable("the decoded signal is silent once its delay is cut off", Status.SILENT)
    decoded = decoded * np.sqrt(np.mean(reference**2) / np.mean(decoded**2))
    whole = Piece.of(reference, rate), Piece.of(decoded, rate)
    first, second = comparable(*(piece.spectrogram for piece in whole))
    starts = _active_patches(reference, first.shape[1], rate)
    while starts and starts[-1] - PATCH_FRAMES // 2 > second.shape[1]:
        starts.pop()
    if not starts:
        raise NotScorable("no patch of the reference is active", Status.NO_SPEECH)
    found = matches([first[:, s : s + PATCH_FRAMES] for s in starts], starts, second)
    return [_realigned(start, match, *whole) for start, match in zip(starts, found, strict=True)]


def _active_patches(reference: Floats, frames: int, rate: int) -> list[int]:
    """First frames of the patches in which at least one frame is active."""
    if reference.max() <= 0:
        return []
    hop = hop_size(rate)
    count = (frames - FIRST_FRAME) // PATCH_FRAMES
    # The program takes a frame's number for a sample's, and so looks almost from the start.
    looked_at = (reference / reference.max())[FIRST_FRAME : FIRST_FRAME + count * PATCH_FRAMES * hop]
    samples = np.trunc(np.clip(looked_at * 2**15, -(2**15), 2**15 - 1)).reshape(-1, hop)
    is_loud = np.sqrt(np.mean(samples**2, axis=1)) >= ACTIVE_RMS
    is_active = is_loud.copy()
    is_active[:HANGOVER_FRAMES] = True
    for late in range(1, HANGOVER_FRAMES + 1):
        is_active[late:] |= is_loud[:-late]
    patches = is_active.reshape(count, PATCH_FRAMES).any(axis=1)
    return [FIRST_FRAME + PATCH_FRAMES * int(index) for index in np.flatnonzero(patches)]


def _realigned(start: int, match: Match, reference: Piece, decoded: Piece) -> Patch:
    """The patch after both were aligned by the sample, where that makes them more alike."""
    decoded_start, before = match
    rate = reference.rate
    # Times are the program's: their rounding decides which sample is the first.
    frame = hop_size(rate) / rate
    begin = start * frame
    end = begin + frame * PATCH_FRAMES
    before = replace(before, frames=math.ceil((end - begin) / frame))
    if decoded_start is None:
        return before
    first, second, lag = aligned_and_cut(
        reference.between(begin, end),
        decoded.between(decoded_start * frame, decoded_start * frame + frame * PATCH_FRAMES),
    )
    if min(len(first.samples), len(second.samples)) <= window_size(rate):
        return before
    one, other = comparable(first.spectrogram, second.spectrogram)
    frames = min(one.shape[1], other.shape[1])
    after = patch_of(one[:, :frames], other[:, :frames])
    if after.means.mean() < before.means.mean():
        return before
    begin += max(lag, 0.0)
    return replace(after, frames=math.ceil((begin + len(first.samples) / rate - begin) / frame))
