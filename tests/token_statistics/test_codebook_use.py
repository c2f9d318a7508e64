"""Use of codebooks: golden values, cases to check by hand, scipy, and every optimal code of small alphabets."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from codec_bench.records import NotScorable
from codec_bench.token_statistics.codebook_use import CodebookCounts, coded_bits
from codec_bench.token_statistics.prefix_code import huffman_lengths
from codec_bench.tokens import Codebook, Stream, Tokens
from tests.token_statistics.streams import tokens_with

COUNTS = st.lists(st.integers(0, 60), min_size=1, max_size=40).filter(any)


def use_of(*parts: Tokens):
    counts = CodebookCounts()
    for part in parts:
        counts.add(part)
    return counts.use()


def test_golden_values(shared: Path):
    golden = json.loads((shared / "golden/metrics/tokens.json").read_text())
    (use,) = use_of(tokens_with(golden["tokens"], size=golden["codebook"], rate=50))
    assert use.entropy_bits == pytest.approx(golden["entropy_bits"], rel=1e-12)
    assert use.normalised_entropy == pytest.approx(golden["normalized_entropy"], rel=1e-12)
    assert use.huffman_bits == pytest.approx(golden["huffman_avg_bits"], rel=1e-12)
    assert 50 * use.huffman_bits == pytest.approx(golden["huffman_bps_at_50Hz"], rel=1e-12)
    assert use.used == golden["used"]


@pytest.mark.parametrize(
    ("codes", "used", "entropy", "perplexity", "huffman"),
    [(list(range(8)) * 5, 8, 3, 8, 3), ([3] * 40, 1, 0, 1, 1)],  # a constant takes a bit per token
    ids=["uniform", "constant"],
)
def test_streams_to_count_by_hand(codes: list[int], used: int, entropy: int, perplexity: int, huffman: int):
    (use,) = use_of(tokens_with(codes, size=8))
    assert (use.used, use.dead, use.utilisation) == (used, 8 - used, used / 8)
    assert (use.entropy_bits, use.normalised_entropy) == (entropy, entropy / 3)
    assert (use.perplexity, use.huffman_bits) == (perplexity, huffman)


def test_two_symbols_one_three_times_as_often():
    (use,) = use_of(tokens_with([0, 0, 0, 5] * 10, size=8))
    by_hand = 2 - 0.75 * np.log2(3)  # 3/4 log2(4/3) + 1/4 log2(4)
    assert use.entropy_bits == pytest.approx(by_hand, rel=1e-14)
    assert use.normalised_entropy == pytest.approx(by_hand / 3, rel=1e-14)
    assert (use.huffman_bits, use.utilisation) == (1, 0.25)


@given(COUNTS)
def test_entropy_is_that_of_scipy(counts: list[int]):
    codes = np.repeat(np.arange(len(counts)), counts)
    (use,) = use_of(tokens_with(codes, size=len(counts)))
    assert use.entropy_bits == pytest.approx(float(entropy(counts, base=2)), abs=1e-12)
    if len(counts) > 1:
        assert use.normalised_entropy == pytest.approx(float(entropy(counts, base=len(counts))), abs=1e-12)


@given(COUNTS)
def test_huffman_lengths_are_those_of_a_prefix_code_within_a_bit_of_the_entropy(counts: list[int]):
    lengths = huffman_lengths(np.array(counts))
    used = np.array(counts) > 0
    assert (lengths[~used] == 0).all()
    assert (lengths[used] > 0).all()
    if used.sum() > 1:
        assert np.sum(0.5 ** lengths[used]) == 1  # Kraft's inequality, without a leaf to spare
    mean, bound = np.dot(counts, lengths) / sum(counts), float(entropy(counts, base=2))
    assert bound - 1e-9 <= mean < bound + 1 or used.sum() == 1


@given(st.lists(st.integers(1, 30), min_size=2, max_size=5))
def test_no_prefix_code_is_shorter(counts: list[int]):
    allowed = (
        lengths
        for lengths in product(range(1, len(counts)), repeat=len(counts))
        if sum(0.5**length for length in lengths) <= 1
    )
    best = min(np.dot(counts, lengths) for lengths in allowed)
    assert np.dot(counts, huffman_lengths(np.array(counts))) == best


def test_the_bits_of_utterances_add_up_to_those_of_the_data_set():
    draw = np.random.default_rng(0)
    parts = [tokens_with(*draw.geometric(0.3, (2, n)).clip(max=16) - 1) for n in (5, 70, 31)]
    found = use_of(*parts)
    bits = np.array([coded_bits(part, found) for part in parts]).sum(axis=0)
    per_frame = np.array([[use.entropy_bits, use.huffman_bits] for use in found]).sum(axis=0)
    assert bits == pytest.approx((5 + 70 + 31) * per_frame, rel=1e-12)


def test_tokens_of_other_codebooks_are_refused():
    counts = CodebookCounts()
    counts.add(tokens_with([1, 2]))
    with pytest.raises(NotScorable, match="other codebooks"):
        counts.add(tokens_with([1, 2], size=32))
    with pytest.raises(NotScorable, match="other codebooks"):
        counts.add(tokens_with([1, 2], [1, 2]))


def test_the_hop_may_differ_as_that_of_packets_counts_samples_of_the_recording():
    counts = CodebookCounts()
    for hop in (320, 441):
        counts.add(Tokens((Stream(np.array([1]), Codebook(16, hop=hop), Fraction(50)),)))
    assert counts.use()[0].tokens == 2
