"""Text normalisers against transformers and by hand, and pronunciations against CMUdict."""

from __future__ import annotations

import csv
import json
import random
from dataclasses import replace
from pathlib import Path

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec_bench.errors import UsageError
from codec_bench.metrics.text import (
    NORMALISERS,
    basic,
    chinese,
    librispeech,
    normaliser,
    phones,
    spelled_out,
    whisper_english,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('What is that?" Ojo asked, for this', "what is that ojo asked for this"),
        ("don't DON’T donʼt don´t", "don't don't don't don't"),
        ("one-armed look now—is well‑known −5", "one armed look now is well known 5"),
        ("is not it magnificent?'", "is not it magnificent"),  # a quotation mark, not an apostrophe
        ("'tis the dogs' “quote” ‘quote’ '", "tis the dogs quote quote"),
        ("  a\tb\n c  ", "a b c"),
        ("Ｆｕｌｌ ﬁne café", "full fine café"),
        ("CAFE\u0301", "caf\u00e9"),
        ("co\u00adoperate zero\u200bwidth", "cooperate zerowidth"),
        ("£5 + 3%", "5 3"),
        ("广州市，房地产。", "广州市房地产"),
        ("?! ... -- '", ""),
        ("", ""),
    ],
)
def test_basic(text: str, expected: str) -> None:
    assert basic(text) == expected


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_basic_is_idempotent_and_single_spaced(text: str) -> None:
    once = basic(text)
    assert basic(once) == once
    assert once == " ".join(once.split())


def test_names_and_versions() -> None:
    assert normaliser("basic") is basic
    with pytest.raises(UsageError, match="unknown text normaliser 'basik'; did you mean 'basic'"):
        normaliser("basik")
    assert replace(basic, version=2).fingerprint != basic.fingerprint


def test_all_names() -> None:
    assert NORMALISERS.names() == ["basic", "whisper-english", "librispeech", "chinese"]
    assert len({normaliser(name).fingerprint for name in NORMALISERS.names()}) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's one-armed, naïve Mr. Æther!", "IT'S ONE ARMED NAIVE MR AETHER"),
        ("‘Quoted’ dogs' 5's 25 £ 中", "QUOTED DOGS S"),
        ("Straße Þór łódź", "STRASSE THOR LODZ"),
        ("5 - 25", ""),
    ],
)
def test_librispeech(text: str, expected: str) -> None:
    assert librispeech(text) == expected


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_librispeech_has_its_alphabet_only(text: str) -> None:
    once = librispeech(text)
    assert set(once) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ' ") and librispeech(once) == once == " ".join(once.split())


def test_librispeech_keeps_its_own_transcripts() -> None:
    line = "HE HOPED THERE WOULD BE STEW FOR DINNER TURNIPS AND CARROTS AND DON'T YOU THINK SO"
    assert librispeech(line) == line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("广州市，房地产。", "广州市房地产"),
        ("ＡＢＣ１２３ 你好 world it's", "abc123你好worldits"),
        ("二〇一九年3月 · 乔治", "二〇一九年3月乔治"),
        ("《書》 － 体", "書体"),
        ("，。", ""),
    ],
)
def test_chinese(text: str, expected: str) -> None:
    assert chinese(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mr. Smith isn't here, uh, in the grey [noise] colour", "mister smith is not here in the gray color"),
        ("twenty-five dollars and six cents", "$25.06"),
        ("one oh one", "101"),
        ("the nineteen sixties", "the 1960s"),
    ],
)
def test_whisper_english_by_hand(text: str, expected: str) -> None:
    assert whisper_english(text) == expected


def test_whisper_english_equals_transformers(shared: Path) -> None:
    import whisper_normalizer
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    spelling = Path(whisper_normalizer.__file__).parent / "normalizers" / "english.json"
    theirs = EnglishTextNormalizer(json.loads(spelling.read_text(encoding="utf-8")))
    with (shared / "data" / "testB_pairs" / "transcripts.tsv").open(encoding="utf-8") as file:
        texts = [row[1] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    words = [
        "twenty", "five", "hundred", "oh", "one", "double", "$", "million", "%", "colour", "isn't", "Mr.", "won't",
        "point", "and", "a", "half", "third", "1960s", "pounds", "£3.50", "uh", "[noise]", "(laughs)", "café", "zero",
        "thousand", "six", "th", "minus", "-", "3", "4,500", "O'Brien's", "中", "½", "dollars", "cents", "per", "cent",
    ]  # fmt: skip
    draw = random.Random(0)
    texts += [" ".join(draw.choices(words, k=draw.randint(1, 8))) for _ in range(3000)]
    assert len(texts) > 3030
    for text in texts:
        assert whisper_english(text) == " ".join(theirs(text).split()), text


def test_phones_are_those_of_the_dictionary() -> None:
    assert phones("Hello world's") == ["HH", "AH", "L", "OW", "W", "ER", "L", "D", "Z"]
    assert phones("read") == ["R", "EH", "D"]  # the first of two pronunciations
    assert phones("zzyzx's 42") == [*phones("zzyzx"), "IH", "Z", *phones("four two")]
    assert phones("b2b") == phones("b two b")
    assert phones("-- 中 '") == []


def test_spelling_out_is_right_for_most_phones_of_the_dictionary() -> None:
    from codec_bench.metrics.text import _pronunciations

    known = {word: sounds for word, sounds in _pronunciations().items() if word.isalpha()}
    words = random.Random(0).sample(sorted(known), 3000)
    spelled = [" ".join(spelled_out(word)) for word in words]
    symbols = {phone for sounds in known.values() for phone in sounds.split()}
    assert len(symbols) == 39 and {phone for sounds in spelled for phone in sounds.split()} <= symbols
    assert jiwer.wer([known[word] for word in words], spelled) < 0.3
