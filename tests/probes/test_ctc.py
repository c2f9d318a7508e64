"""CTC decoding against all alignments, written out."""

from __future__ import annotations

from itertools import groupby, product

import numpy as np
import pytest
import torch

from codec_bench.extras import speechbrain_module
from codec_bench.probes.ctc import beam_search, frames_needed, greedy


def log_probs(seed: int, frames: int, symbols: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    logits = 1.5 * generator.standard_normal((frames, symbols))
    return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)


def texts(rows: np.ndarray) -> dict[tuple[int, ...], float]:
    """The probability of every text: of all alignments, each read by CTC's rule."""
    found: dict[tuple[int, ...], float] = {}
    for path in product(range(rows.shape[1]), repeat=len(rows)):
        text = tuple(symbol for symbol, _ in groupby(path) if symbol)
        found[text] = found.get(text, 0.0) + float(np.exp(sum(rows[t, s] for t, s in enumerate(path))))
    return found


@pytest.mark.parametrize("seed", range(30))
def test_a_wide_beam_is_exhaustive_search(seed: int):
    rows = log_probs(seed, 5, 4)
    every = texts(rows)
    assert sum(every.values()) == pytest.approx(1.0, abs=1e-5)
    found = tuple(beam_search(rows, width=10_000, prune=-np.inf))
    assert every[found] == pytest.approx(max(every.values()), rel=1e-5)


def test_beam_finds_what_greedy_misses():
    rows = np.log(np.array([[0.6, 0.4], [0.6, 0.4]], np.float32))  # Hannun's example: blank is best in each frame
    assert greedy(rows) == []
    assert beam_search(rows, 4) == [1]  # 0.64 over its three alignments, against 0.36


@pytest.mark.parametrize("seed", range(5))
def test_texts_have_the_probability_of_torch(seed: int):
    rows = log_probs(seed, 5, 4)
    every = texts(rows)
    text = max((t for t in every if t), key=lambda t: every[t])
    lengths = torch.tensor([5]), torch.tensor([len(text)])
    frames = torch.from_numpy(rows)[:, None]
    loss = torch.nn.functional.ctc_loss(frames, torch.tensor([text]), *lengths, reduction="sum")
    assert float(torch.exp(-loss)) == pytest.approx(every[text], rel=1e-4)


@pytest.mark.parametrize("width", [1, 3, 8, 50])
@pytest.mark.parametrize("scale", [0.01, 1.0, 6.0])
def test_beam_search_is_that_which_tries_everything(width: int, scale: float):
    for seed in range(4):
        rows = log_probs(seed, 25, 9).astype(np.float64) * scale
        rows = np.round(rows) if seed % 2 else rows  # equal ones, too
        rows -= np.logaddexp.reduce(rows, axis=1, keepdims=True)
        for prune in (-5.0, -np.inf):
            assert beam_search(rows.astype(np.float32), width, prune) == plain_beam_search(rows, width, prune)


def plain_beam_search(log_probs: np.ndarray, width: int, prune: float) -> list[int]:
    """Hannun's algorithm as it reads: every symbol is tried after every prefix, and the best are kept."""
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -np.inf)}
    for row in log_probs.astype(np.float32).astype(np.float64):
        grown: dict[tuple[int, ...], tuple[float, float]] = {}

        def put(prefix: tuple[int, ...], blank: float, symbol: float, into=grown) -> None:
            old = into.get(prefix, (-np.inf, -np.inf))
            into[prefix] = float(np.logaddexp(old[0], blank)), float(np.logaddexp(old[1], symbol))

        for prefix, (blank, symbol) in beams.items():
            total = float(np.logaddexp(blank, symbol))
            put(prefix, total + row[0], -np.inf)
            if prefix:
                put(prefix, -np.inf, symbol + row[prefix[-1]])
            for s in (s for s in range(1, len(row)) if row[s] >= prune):
                put((*prefix, s), -np.inf, (blank if prefix and prefix[-1] == s else total) + row[s])
        kept = sorted(grown, key=lambda p: (-np.logaddexp(*grown[p]), p))[:width]
        beams = {prefix: grown[prefix] for prefix in kept}
    return list(next(iter(beams)))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_beam_search_is_that_of_speechbrain(seed: int):
    rows = log_probs(seed, 30, 5)
    unpruned = {"beam_prune_logp": -1e3, "token_prune_min_logp": -1e3}
    # Without a space: around those, SpeechBrain keeps words and not symbols.
    searcher = speechbrain_module("decoders.ctc").CTCPrefixBeamSearcher(
        blank_index=0, vocab_list=list("-abcd"), beam_size=100, **unpruned
    )
    theirs = searcher(torch.from_numpy(rows)[None], torch.ones(1))[0][0].text
    assert "".join("-abcd"[symbol] for symbol in beam_search(rows, 100, prune=-np.inf)) == theirs


def test_greedy_merges_repeats_and_drops_blanks():
    best = [0, 2, 2, 0, 2, 3, 3, 0]
    rows = np.full((len(best), 4), -5.0, np.float32)
    rows[np.arange(len(best)), best] = -0.1
    assert greedy(rows) == [2, 2, 3]
    assert beam_search(rows, 8) == [2, 2, 3]


@pytest.mark.parametrize("text", [(1,), (1, 1), (1, 2, 1), (2, 2, 2)])
def test_frames_needed_is_the_first_length_with_a_finite_loss(text: tuple[int, ...]):
    lengths = []
    for frames in range(1, 8):
        rows = torch.from_numpy(log_probs(0, frames, 3))[:, None]
        loss = torch.nn.functional.ctc_loss(
            rows, torch.tensor([text]), torch.tensor([frames]), torch.tensor([len(text)])
        )
        if torch.isfinite(loss):
            lengths.append(frames)
    assert frames_needed(text) == lengths[0]
