"""Numbers in words against digits: what is found is what Whisper's own normaliser makes alike."""

from __future__ import annotations

import pytest

from codec_bench.metrics.number_words import differently_written
from codec_bench.metrics.text import whisper_english


@pytest.mark.parametrize(
    ("wanted", "heard", "expected"),
    [
        ("fifty", "50", ("fifty", "50")),
        ("50", "fifty", ("50", "fifty")),
        ("Chapter fifty-one begins.", "chapter 51 begins", ("fifty one", "51")),
        ("They came in 1995, in May", "they came in nineteen ninety five in may", ("1995", "nineteen ninety five")),
        ("the 1st of May", "the first of may", ("1st", "first")),
        ("the nineteen sixties", "The 1960s.", ("nineteen sixties", "1960s")),
        ("it is 3.5 now", "it is three point five now", ("3.5", "three point five")),
        ("1,000 men", "one thousand men", ("1000", "one thousand")),
        ("It rose by 5%.", "it rose by 5 percent", ("%", "percent")),
        ("at three point five percent", "at 3.5%", ("percent", "%")),
        ("for $50 only", "for fifty dollars only", ("$", "dollars")),
    ],
)
def test_what_whisper_writes_alike_is_found(wanted: str, heard: str, expected: tuple[str, str]) -> None:
    assert whisper_english(wanted) == whisper_english(heard)
    assert differently_written(wanted, heard) == expected


@pytest.mark.parametrize(
    ("wanted", "heard"),
    [
        ("fifty men", "fifteen men"),
        ("50 men", "15 men"),
        ("he won one", "he won"),
        ("no number", "no 5 number"),
        ("the cat sat", "the cat is at"),
        ("5 % of 7", "5% of seven or 7"),
        ("", "5"),
        ("five", ""),
        ("", ""),
    ],
)
def test_what_was_misheard_is_no_way_of_writing(wanted: str, heard: str) -> None:
    assert differently_written(wanted, heard) is None
