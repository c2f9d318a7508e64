"""The language model on sources whose entropy is known, the order of tokens, and the split by speaker."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from codec_bench.token_statistics import language_model
from codec_bench.token_statistics.language_model import ModelSettings, model_tokens
from codec_bench.token_statistics.split import split_by_speaker
from codec_bench.token_statistics.token_sequence import flattened
from codec_bench.tokens import Codebook, Stream, Tokens
from tests.token_statistics.streams import items_by, tokens_with

SMALL = ModelSettings(steps=60, width=32, heads=2, context=64, batch=8, rate=1e-2, dropout=0.0)


def uniform(seed: int, books: int = 1, frames: int = 400):
    return flattened(tokens_with(*np.random.default_rng(seed).integers(0, 8, (books, frames)), size=8))


def periodic(start: int, frames: int = 400):
    return flattened(tokens_with((np.arange(frames) + start) * 3 % 8, size=8))


def parts_of(make):
    return [make(i) for i in range(6)], [make(6)], [make(i) for i in (7, 8)]


def test_independent_uniform_tokens_cost_log2_of_the_size():
    found = model_tokens([8, 8], *parts_of(lambda seed: uniform(seed, 2)), SMALL)
    for bits in (*found.bits, *found.unigram_bits):
        assert 0.99 * 2 * 3 * 50 * 8 < bits < 1.03 * 2 * 3 * 50 * 8  # two codebooks of 3 bits at 50 Hz for 8 s
    per_second = np.mean(found.bits) / 8
    assert per_second == pytest.approx(300, rel=0.02)


def test_a_cycle_costs_next_to_nothing_but_its_frequencies_say_nothing():
    found = model_tokens([8], *parts_of(periodic), SMALL)
    assert found.steps > 0
    for bits, unigram in zip(found.bits, found.unigram_bits, strict=True):
        assert bits < 0.02 * 3 * 400  # the first token alone cannot be known
        assert unigram == pytest.approx(3 * 400, rel=0.01)


@pytest.mark.long
def test_the_second_codebook_is_known_from_the_first():
    def copied(seed: int):
        first = np.random.default_rng(seed).integers(0, 8, 400)
        return flattened(tokens_with(first, first, size=8))

    found = model_tokens([8, 8], *parts_of(copied), replace(SMALL, steps=120))
    assert np.mean(found.bits) == pytest.approx(3 * 400, rel=0.06)
    assert np.mean(found.unigram_bits) == pytest.approx(6 * 400, rel=0.02)


def test_equal_seeds_give_equal_numbers_and_kept_results_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    quick = replace(SMALL, steps=3)
    parts = parts_of(uniform)
    once = model_tokens([8], *parts, quick, cache=tmp_path)
    assert model_tokens([8], *parts, quick) == once
    assert model_tokens([8], *parts, replace(quick, seed=1)) != once

    def fails(*arguments: object) -> None:
        raise AssertionError("it was computed again")

    monkeypatch.setattr(language_model, "_train_and_measure", fails)
    assert model_tokens([8], *parts, quick, cache=tmp_path) == once
    (file,) = tmp_path.rglob("*.json")
    kept = json.loads(file.read_text())
    damaged = [{}, [], None, kept | {"bits": kept["bits"][:1]}, kept | {"bits": ["a", "b"]}, kept | {"steps": None}]
    damaged += [kept | {"unigram_bits": [-1.0, 2.0]}]
    for text in ("{", *map(json.dumps, damaged)):
        file.write_text(text)
        with pytest.raises(AssertionError, match="again"):
            model_tokens([8], *parts, quick, cache=tmp_path)
        assert not file.exists()
    assert caplog.text.count("is damaged") == 1 + len(damaged)


def test_every_token_is_measured_once_whatever_the_length():
    for frames in (1, 2, 63, 64, 65, 96, 97, 200):
        test = [flattened(tokens_with(np.zeros(frames, np.int64), size=8))]
        found = model_tokens([8], [uniform(0)], [uniform(1)], test, replace(SMALL, steps=1))
        # After one step of no length to speak of, each token still costs about 3 bits.
        assert found.bits[0] == pytest.approx(3 * frames, rel=0.15)


def test_tokens_are_in_the_order_of_their_times():
    slow = Stream(np.array([0, 1]), Codebook(4, hop=480), Fraction(100, 3))
    fast = Stream(np.array([0, 1, 2]), Codebook(4, hop=320), Fraction(50))
    found = flattened(Tokens((slow, fast)))
    # Slow tokens begin at 0 and 30 ms, fast ones at 0, 20 and 40 ms.
    assert found.symbols.tolist() == [0, 4, 5, 1, 6]
    assert found.books.tolist() == [0, 1, 1, 0, 1]


def test_no_speaker_is_on_both_sides():
    items = items_by([f"speaker-{i % 7}" for i in range(70)])
    split = split_by_speaker(items, 0, 1000, 1000)
    sides = [{items[i].utterance.speaker for i in part} for part in (split.train, split.development, split.test)]
    assert all(sides)
    assert split.unit == "speakers"
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    assert len(split.train) + len(split.development) + len(split.test) == 70


@pytest.mark.parametrize("speakers", [[None] * 9, ["ann", "bob"] * 4, ["ann", "bob", "cid"], ["a", "b", "c", None]])
def test_every_part_has_an_utterance(speakers: list[str | None]):
    split = split_by_speaker(items_by(speakers), 0, 1000, 1000)
    assert split.train and split.development and split.test
    assert split.unit == ("speakers" if len({*speakers} - {None}) >= 3 else "utterances")


def test_too_few_utterances_are_not_divided():
    assert split_by_speaker(items_by(["ann", "bob"]), 0, 10, 10) is None


def test_the_order_of_the_data_set_decides_nothing():
    items = items_by([f"speaker-{i % 7}" for i in range(40)])
    one = split_by_speaker(items, 0, 20, 5)
    other = split_by_speaker(items[::-1], 0, 20, 5)
    assert [items[i].digest for i in one.test] == [items[::-1][i].digest for i in other.test]
    assert [items[i].digest for i in one.train] == [items[::-1][i].digest for i in other.train]
