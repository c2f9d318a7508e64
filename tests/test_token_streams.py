"""Packets of bits as tokens."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from codec_bench import Audio, load_codec
from codec_bench.errors import UsageError
from codec_bench.token_streams import tokens_of
from codec_bench.tokens import Bitstream, Codebook, Stream, Tokens


def noise(seconds: float = 1.0, rate: int = 8000) -> Audio:
    generator = np.random.default_rng(0)
    return Audio((0.1 * generator.standard_normal(int(seconds * rate))).astype(np.float32), rate)


def test_tokens_stay_as_they_are():
    tokens = Tokens((Stream(np.array([1, 2]), Codebook(4, 160), Fraction(50)),))
    assert tokens_of(tokens) is tokens


@pytest.mark.parametrize(("mode", "sizes", "rate"), [("3200", [256] * 8, 50), ("1300", [256] * 6 + [16], 25), ("700C", [256] * 3 + [16], 25)])  # fmt: skip  # noqa: E501
def test_codec2_packets_become_fields_without_loss(mode: str, sizes: list[int], rate: int):
    code = load_codec(f"codec2@{mode}").encode(noise())
    assert isinstance(code, Bitstream)
    tokens = tokens_of(code)
    assert [s.codebook.size for s in tokens.streams] == sizes
    assert {s.rate for s in tokens.streams} == {Fraction(rate)}
    assert tokens.bits == code.bits
    assert tokens.seconds == pytest.approx(code.seconds)
    assert (tokens.samples, tokens.sample_rate) == (code.samples, code.sample_rate)
    # Put together again, the fields are the packets: the padding behind the last field is zero.
    bits = [f"{int(v):0{int(np.log2(s.codebook.size))}b}" for i in range(len(code.packets)) for s in tokens.streams for v in [s.codes[i]]]  # fmt: skip  # noqa: E501
    per = len(bits) // len(code.packets)
    texts = ["".join(bits[i * per : (i + 1) * per]) for i in range(len(code.packets))]
    packed = [int(t.ljust(8 * len(code.packets[0]), "0"), 2).to_bytes(len(code.packets[0]), "big") for t in texts]
    assert tuple(packed) == code.packets


def test_packets_of_opus_have_no_tokens():
    code = load_codec("opus@6000").encode(noise(2.0, 16_000))
    with pytest.raises(UsageError, match="has no frozen tokens"):
        tokens_of(code)


@pytest.mark.parametrize("code", [Bitstream((), 0, 0.0), Bitstream((b"ab", b"cd"), 31, 0.04), Bitstream((b"ab",), 24, 0.04)])  # fmt: skip  # noqa: E501
def test_what_cannot_be_cut_is_refused(code: Bitstream):
    with pytest.raises(UsageError):
        tokens_of(code)
