"""Delays of real codecs, against their standards."""

from __future__ import annotations

import pytest

from codec_bench.adapters import CODECS
from codec_bench.adapters.codec import Codec
from codec_bench.records import NotScorable
from codec_bench.speed.latency import algorithmic_delay


def codec(name: str) -> Codec:
    base, _, mode = name.partition("@")
    return CODECS.get(base)(mode or None)


@pytest.mark.parametrize(
    ("name", "milliseconds"),
    [
        ("opus@6000", 26.5),  # RFC 6716: 20 ms and a look-ahead of 6.5 ms
        ("g723.1", 37.5),  # ITU-T G.723.1: frames of 30 ms, look-ahead 7.5 ms
        ("amr-nb@5150", 25),  # 3GPP TS 26.090: 20 ms, look-ahead 5 ms
        ("mimi", 80),  # Defossez et al. 2024: "a latency of 80 ms"
        ("encodec-24khz", 1000 / 75),  # Defossez et al. 2022: 13 ms at 24 kHz
        ("lyra", 20),
    ],
)
def test_delays_are_those_of_the_standards_and_papers(name: str, milliseconds: float):
    assert 1000 * algorithmic_delay(codec(name)) == pytest.approx(milliseconds)


@pytest.mark.parametrize("name", ["dac-16khz", "longcat-24k"])
def test_a_codec_of_whole_recordings_has_none(name: str):
    with pytest.raises(NotScorable, match="whole recordings"):
        algorithmic_delay(codec(name))
