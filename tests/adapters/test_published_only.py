"""Rows that nobody can run say why, and what to do instead."""

from __future__ import annotations

import numpy as np
import pytest

from codec_bench.adapters import CODECS
from codec_bench.adapters.published_only import PublishedOnly
from codec_bench.audio import Audio
from codec_bench.errors import UnavailableError

NAMES = (
    "ts3-codec",
    "bigcodec-streaming",
    "hubert-km1000",
    "mhubert-km500-25hz",
    "single-codec",
    "mimo-audio-tokenizer",
    "distilcodec",
)


@pytest.mark.parametrize("name", NAMES)
def test_they_say_why(name: str) -> None:
    cls = CODECS.get(name)
    assert issubclass(cls, PublishedOnly)
    reason = cls.unavailable()
    assert reason is not None
    assert "files:DIR" in reason
    assert "\n" not in reason
    codec = cls()
    for call in (codec.load, lambda: codec.encode(Audio(np.ones(800, np.float32), 16_000))):
        with pytest.raises(UnavailableError, match=name):
            call()


@pytest.mark.parametrize(
    ("name", "kbps"),
    [
        ("ts3-codec", 0.85),
        ("bigcodec-streaming", 1.04),
        ("single-codec", 0.304),
        ("hubert-km1000", 0.498),
        ("mhubert-km500-25hz", 0.224),
        ("distilcodec", None),
    ],
)
def test_the_bitrates_of_their_papers_follow_from_what_they_state(name: str, kbps: float | None) -> None:
    bitrate = CODECS.get(name).mode_spec(None).bitrate()
    assert (None if bitrate is None else bitrate / 1000) == (None if kbps is None else pytest.approx(kbps, abs=0.001))
