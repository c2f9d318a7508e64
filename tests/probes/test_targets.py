"""What is predicted, and how answers are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from codec_bench.coding.items import Item
from codec_bench.errors import UsageError
from codec_bench.probes.recipes import RECIPES
from codec_bench.probes.targets import error_counts, targets_of
from codec_bench.records import Utterance


def item(name: str, text: str | None = None, speaker: str | None = None, language: str = "en", **labels: str) -> Item:
    return Item(Utterance(name, Path(name), text, speaker, language, labels=labels), "0" * 64)


def test_labels_and_speakers():
    items = [item(f"{s}{k}", speaker=s, label="dog; rain" if k else "rain") for s in "abc" for k in range(3)]
    labels = targets_of(items, RECIPES["sed"])
    assert labels.multi and labels.of["a1"] == "dog;rain" and labels.of["a0"] == "rain"
    speakers = targets_of([*items, item("d0", speaker="d"), item("e0")], RECIPES["sid"])
    assert set(speakers.of.values()) == {"a", "b", "c"}
    assert len(speakers.warnings) == 2


def test_texts_are_normalised_as_the_metrics_do():
    assert targets_of([item("a", "Hi – it’s Ö!")], RECIPES["asr"]).of["a"] == "\n".join("hi it's ö")
    chinese = targets_of([item("a", "你好，世界。", language="zh")], RECIPES["asr"])
    assert chinese.of["a"] == "你\n好\n世\n界" and chinese.unspaced
    assert targets_of([item("a", "the cat")], RECIPES["phone"]).of["a"] == "DH\nAH\nK\nAE\nT"
    unstated = [item("a", "你好", language=""), item("b", "OK", language="")]
    assert targets_of(unstated, RECIPES["asr"]).unspaced  # judged together, by the script
    english = [item("a", "I live there"), item("b", "北京")]
    assert targets_of(english, RECIPES["asr"]).unspaced is False


def test_what_cannot_be_predicted_is_said():
    with pytest.raises(UsageError, match="column label"):
        targets_of([item("a"), item("b")], RECIPES["er"])
    with pytest.raises(UsageError, match="transcript"):
        targets_of([item("a")], RECIPES["asr"])
    with pytest.raises(UsageError, match="one at a time"):
        targets_of([item("a", "hi"), item("b", "你好", language="zh")], RECIPES["asr"])
    with pytest.raises(UsageError, match="not English"):
        targets_of([item("b", "你好", language="Chinese")], RECIPES["phone"])


@pytest.mark.parametrize(("measure", "errors", "units"), [("wer", 2, 3), ("cer", 3, 11)])
def test_errors_are_counted_by_hand(measure: str, errors: int, units: int):
    found = error_counts("\n".join("one two six"), "\n".join("one too si"), measure)  # w to o; x, and nothing else
    assert (found.errors, found.units) == (errors - (measure == "cer"), units)


def test_phones_are_units():
    found = error_counts("DH\nAH\nK\nAE\nT", "DH\nK\nAE\nT\nS", "per")
    assert (found.errors, found.units) == (2, 5)
    assert error_counts("a\nb", "", "cer").errors == 2
