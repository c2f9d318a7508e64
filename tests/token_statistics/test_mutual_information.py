"""Mutual information between codebooks, against scikit-learn and cases to check by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from codec_bench.token_statistics.mutual_information import PairCounts
from codec_bench.tokens import Codebook, Stream, Tokens
from tests.token_statistics.streams import tokens_with


def dependences(*parts: Tokens, **options):
    counts = PairCounts(**options)
    for part in parts:
        counts.add(part)
    return list(counts.dependences())


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=200))
def test_plug_in_is_that_of_scikit_learn(frames: list[tuple[int, int]]):
    a, b = zip(*frames, strict=True)
    (found,) = dependences(tokens_with(a, b))
    assert found.plug_in == pytest.approx(mutual_info_score(a, b) / np.log(2), abs=1e-9)
    cells, rows, columns = len(set(frames)), len(set(a)), len(set(b))
    raised = ((rows - 1) + (columns - 1) - (cells - 1)) / (2 * len(frames)) / np.log(2)
    assert found.corrected == pytest.approx(found.plug_in + raised, abs=1e-12)


def test_equal_streams_share_their_entropy_and_crossed_ones_nothing():
    (same,) = dependences(tokens_with([0, 1, 2, 3] * 10, [3, 2, 1, 0] * 10))
    assert same.plug_in == pytest.approx(2, abs=1e-12)
    (crossed,) = dependences(tokens_with([0, 0, 1, 1] * 10, [0, 1, 0, 1] * 10))
    assert crossed.plug_in == pytest.approx(0, abs=1e-12)
    (constant,) = dependences(tokens_with([0, 1] * 10, [7] * 20))
    assert (constant.plug_in, constant.corrected) == (0, 0)


def test_the_correction_takes_away_what_chance_alone_gives():
    draw = np.random.default_rng(3)
    (found,) = dependences(tokens_with(*draw.integers(0, 16, (2, 3000))))
    assert found.plug_in > 0.04
    assert abs(found.corrected) < 0.01


def test_pairs_of_the_first_codebooks_only():
    pairs = [(d.first, d.second) for d in dependences(tokens_with(*[[0, 1, 2]] * 5), first=3)]
    assert pairs == [(1, 2), (1, 3), (2, 3)]
    assert dependences(tokens_with([0, 1])) == []


def test_a_slower_codebook_is_paired_with_the_tokens_of_its_time():
    slow = Stream(np.array([0, 1, 2, 3]), Codebook(4, hop=640), Fraction(25))
    fast = Stream(np.array([0, 0, 1, 1, 2, 2, 3, 3]), Codebook(4, hop=320), Fraction(50))
    for tokens in (Tokens((slow, fast)), Tokens((fast, slow))):
        (found,) = dependences(tokens)
        assert (found.frames, found.cells, found.plug_in) == (8, 4, pytest.approx(2))


def test_order_and_memory_change_nothing():
    parts = [tokens_with(*np.random.default_rng(i).integers(0, 16, (3, 50))) for i in range(5)]
    assert dependences(*parts[::-1], memory=32) == dependences(*parts)
