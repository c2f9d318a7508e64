"""n-grams, their counters on the disk, and Zipf's law."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import linregress, zipfian

from codec_bench.token_statistics.key_counts import KeyCounter, Spectrum
from codec_bench.token_statistics.ngrams import NgramCounts, text_symbols, token_symbols
from codec_bench.token_statistics.zipf import _mean_log_rank, fit_zipf
from tests.token_statistics.streams import tokens_with

KEYS = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 30), max_size=300)


def plain(spectrum: Spectrum) -> dict[int, int]:
    return dict(zip(spectrum.counts.tolist(), spectrum.types.tolist(), strict=True))


def counted(things) -> dict[int, int]:
    """Types by count, the plain way."""
    return dict(Counter(Counter(things).values()))


def grams(streams, n: int):
    return [tuple(s[i : i + n]) for s in streams for i in range(len(s) - n + 1)]


def test_golden_slopes(shared: Path):
    golden = json.loads((shared / "golden/metrics/tokens.json").read_text())
    ngrams = NgramCounts(3)
    ngrams.add(*token_symbols(tokens_with(golden["tokens"])))
    for n, spectrum in enumerate(ngrams.spectra(), 1):
        wanted, fit = golden["zipf"][str(n)], fit_zipf(spectrum)
        assert (spectrum.distinct, fit.types) == (wanted["types"], wanted["types_nohapax"])
        assert fit.slope == pytest.approx(wanted["slope"], rel=1e-9)


@settings(max_examples=60)
@given(KEYS, st.integers(4, 64), st.integers(1, 50))
def test_counts_on_the_disk_are_those_in_memory(keys: list[int], memory: int, step: int):
    counter = KeyCounter(memory)
    for start in range(0, len(keys), step):
        counter.add(np.array(keys[start : start + step], np.uint64))
    assert plain(counter.spectrum()) == counted(keys)
    assert plain(counter.spectrum()) == counted(keys)  # asking changes nothing
    counter.close()


def test_many_runs_are_one_file_that_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    counter, keys = KeyCounter(64), np.random.default_rng(0).integers(0, 5000, 20_000).astype(np.uint64)
    counter.add(keys)
    (file,) = tmp_path.rglob("*.run")
    assert file.stat().st_size > 100 * 64
    assert plain(counter.spectrum()) == counted(keys.tolist())
    counter.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("size", "books"), [(2, 1), (16, 1), (1024, 1), (8192, 1), (16, 3), (1024, 2)])
def test_ngrams_do_not_cross_utterances(size: int, books: int):
    draw = np.random.default_rng(size)
    parts = [np.minimum(draw.geometric(0.4, (n, books)) - 1, size - 1) for n in (1, 3, 60, 200)]
    ngrams = NgramCounts(6)
    for part in parts:
        ngrams.add(*token_symbols(tokens_with(*part.T, size=size), books))
    streams = [list(map(tuple, part.tolist())) for part in parts]
    for n, spectrum in enumerate(ngrams.spectra(), 1):
        assert plain(spectrum) == counted(grams(streams, n))


def test_words_are_told_apart_whatever_their_number():
    words = [f"word{i % 1000}" for i in range(5000)] + ["a", "b", "a", "b"]
    ngrams = NgramCounts(2)
    ngrams.add(*text_symbols(words))
    assert [plain(s) for s in ngrams.spectra()] == [counted(grams([words], 1)), counted(grams([words], 2))]


def test_a_curve_has_its_first_and_last_rank():
    spectrum = Spectrum.of(np.arange(1, 5001))
    curve = dict(spectrum.curve())
    assert (curve[1], curve[5000]) == (5000, 1)
    assert all(count == 5001 - rank for rank, count in curve.items())
    assert len(curve) <= 200
    assert list(Spectrum.of(np.zeros(4, np.int64)).curve()) == []


def test_slope_is_that_of_scipy():
    counts = np.random.default_rng(0).zipf(1.4, 3000)
    kept = np.sort(counts[counts > 1])[::-1]
    wanted = linregress(np.log(np.arange(1, len(kept) + 1)), np.log(kept))
    fit = fit_zipf(Spectrum.of(counts))
    assert (fit.slope, fit.r_squared) == (pytest.approx(wanted.slope, rel=1e-9), pytest.approx(wanted.rvalue**2))


@pytest.mark.parametrize("exponent", [0.7, 1.0, 1.3])
def test_exponent_of_a_zipf_source(exponent: float):
    shares = np.arange(1, 501) ** -exponent
    drawn = np.random.default_rng(1).multinomial(200_000, shares / shares.sum())
    fit = fit_zipf(Spectrum.of(drawn))
    assert fit.exponent == pytest.approx(exponent, abs=0.02)
    assert fit.slope == pytest.approx(-exponent, abs=0.15)  # the tail, sorted by chance counts, is bent
    counts, ranks = np.sort(drawn)[::-1][: fit.types], np.arange(1, fit.types + 1)
    unlikely = lambda s: -counts @ zipfian.logpmf(ranks, s, fit.types)  # noqa: E731
    least = minimize_scalar(unlikely, bounds=(0.1, 3), method="bounded")
    assert fit.exponent == pytest.approx(least.x, abs=1e-4)


@pytest.mark.parametrize("s", [0.0, 0.8, 1.0, 1.5, 3.0])
def test_mean_log_rank_over_many_ranks_is_the_sum_term_by_term(s: float):
    ranks = np.arange(1, 300_001)
    weights = ranks**-s
    assert _mean_log_rank(s, len(ranks)) == pytest.approx(weights @ np.log(ranks) / weights.sum(), rel=1e-10)


def test_equally_frequent_types_have_no_slope_and_few_types_no_fit():
    fit = fit_zipf(Spectrum.of(np.full(100, 7)))
    assert (fit.slope, fit.exponent) == (pytest.approx(0, abs=1e-12), pytest.approx(0, abs=1e-6))
    assert fit_zipf(Spectrum.of(np.array([9, 5, 3, 2, 1, 1, 1]))) is None  # four types occur more than once
    assert fit_zipf(Spectrum.of(np.array([4, 3, 2, 2, 2, 2, 1]))) is None  # no type five times
