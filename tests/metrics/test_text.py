"""Text normalisers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec_bench.errors import UsageError
from codec_bench.metrics.text import basic, normaliser


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
