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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("This is for you and/or me. Well...then we go.", "this is for you and or me well then we go"),
        ("well…then word,word yes;no a:b (x)y [z]w", "well then word word yes no a b x y z w"),
        ("http://www.example.org/a_b me@example.com", "http www example org a b me example com"),
        ("A.M. U.S.A. e.g.,this AT&T 24/7 3:30", "a m u s a e g this at t 24 7 3 30"),
        ("o’clock O'Brien's l’été rock 'n' roll", "o'clock o'brien's l'été rock n roll"),
        ("¿Qué?¡Sí! «oui»non „ja“nein", "qué sí oui non ja nein"),
        ("نعم،لا؟", "نعم لا"),
        ("ＡＢＣ／ＤＥＦ，ＧＨＩ", "abc def ghi"),
        ("你好，世界……OK", "你好世界 ok"),
        ("नमस्ते।दुनिया", "नमस्ते दुनिया"),
        ("ሰላም፡ለዓለም", "ሰላም ለዓለም"),  # a mark that divides words where others write a space
        ("I❤\ufe0fNY", "i ny"),
    ],
)
def test_what_divides_words_is_a_space(text: str, expected: str) -> None:
    assert basic(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("col·lecció paraŀlel", "collecció parallel"),
        ('צה״ל צה"ל ג׳ורג׳', "צהל צהל ג'ורג"),
        ("ինչո՞ւ", "ինչու"),
        ("محمـــد", "محمد"),
        ("oʻzbek o‘zbek Hawaiʻi п’ять", "o'zbek o'zbek hawai'i п'ять"),
        ("Coca-Cola™", "coca cola"),
        ("İstanbul İ'nin", "istanbul i'nin"),
    ],
)
def test_what_stands_within_words_is_none(text: str, expected: str) -> None:
    assert basic(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.14 is 3,14. .5 (3.5) 3. v2.0 3.5kg", "3.14 is 3.14 .5 3.5 3 v2.0 3.5kg"),
        (
            "1,000 1,234,567.8 1.000.000 1.234,5 1,00,000 1\u202f000 1\u00a0000\u00a0000",
            "1000 1234567.8 1000000 1234.5 100000 1000 1000000",
        ),
        ("1,2,3 192.168.0.1 3.4.2020", "1 2 3 192 168 0 1 3 4 2020"),
        ("2½ cups, ½", "2 1 2 cups 1 2"),
        ("٣٫١٤ ٣٬٠٠٠ ३.५", "3.14 3000 3.5"),
        ("1990–1995, 10-20", "1990 1995 10 20"),
        ("well ...5", "well 5"),
    ],
)
def test_numbers_keep_their_value(text: str, expected: str) -> None:
    assert basic(text) == expected


def test_marks_divide_words_where_whisper_divides_them(shared: Path) -> None:
    from transformers.models.whisper.english_normalizer import BasicTextNormalizer

    theirs = BasicTextNormalizer()
    with (shared / "data" / "testB_pairs" / "transcripts.tsv").open(encoding="utf-8") as file:
        texts = [row[1] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    draw = random.Random(0)
    words = ["and", "Café", "über", "5", "Straße", "привет", "ok"]
    marks = [
        "/",
        "...",
        "…",
        ", ",
        ";",
        ":",
        "!",
        "¿",
        "—",
        " - ",
        "_",
        "&",
        "@",
        "+",
        "«",
        "”",
        "#",
        "*",
        "~",
        "、",
        "،",
        " ",
    ]
    texts += ["".join(draw.choice(words) + draw.choice(marks) for _ in range(6)) for _ in range(2000)]
    texts = [text for text in texts if "'" not in text and "’" not in text]  # which they divide, and leave out brackets
    assert len(texts) > 2000
    for text in texts:
        assert basic(text) == " ".join(theirs(text).split()), text


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
    assert replace(basic, version=1).fingerprint != basic.fingerprint


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
        ("and/or well...then 3.5", "AND OR WELL THEN"),
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
        ("圆周率是3.14，约等于", "圆周率是3.14约等于"),
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
    assert phones("3.5") == phones("three point five")
    assert phones("-- 中 '") == []


def test_spelling_out_is_right_for_most_phones_of_the_dictionary() -> None:
    from codec_bench.metrics.text import _pronunciations

    known = {word: sounds for word, sounds in _pronunciations().items() if word.isalpha()}
    words = random.Random(0).sample(sorted(known), 3000)
    spelled = [" ".join(spelled_out(word)) for word in words]
    symbols = {phone for sounds in known.values() for phone in sounds.split()}
    assert len(symbols) == 39 and {phone for sounds in spelled for phone in sounds.split()} <= symbols
    assert jiwer.wer([known[word] for word in words], spelled) < 0.3
