"""Tokens and bitstreams: what they cost, what a prefix is, and that a file gives back what was put in."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec_bench.tokens import Bitstream, Code, Codebook, Stream, Tokens, code_from_arrays

SETTINGS = settings(deadline=None, max_examples=40)  # machines under load are slow, not wrong

codebooks = st.builds(
    Codebook,
    size=st.integers(1, 2**32),
    hop=st.integers(1, 48_000),
    packed_bits=st.none() | st.integers(1, 64),
)
side_arrays = st.lists(st.floats(-1, 1, width=32), max_size=4).map(lambda v: np.array(v, np.float32))


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    book = draw(codebooks)
    codes = draw(st.lists(st.integers(0, book.size - 1), max_size=12))
    rate = draw(st.fractions(Fraction(1, 1000), 48_000, max_denominator=10_000))
    return Stream(np.array(codes, np.int64), book, rate)


tokens = st.builds(
    Tokens,
    streams=st.lists(streams(), max_size=5).map(tuple),
    samples=st.integers(0, 2**40),
    sample_rate=st.integers(0, 192_000),
    side=st.dictionaries(st.text("abc_xyz0", min_size=1, max_size=8), side_arrays, max_size=3),
    side_bits=st.integers(0, 10_000),
)
bitstreams = st.builds(
    Bitstream,
    packets=st.lists(st.binary(max_size=20), min_size=1, max_size=6).map(tuple),
    bits=st.integers(0, 10**9),
    seconds=st.floats(0, 1e6),
    samples=st.integers(0, 2**40),
    sample_rate=st.integers(0, 192_000),
    header=st.binary(max_size=20),
)


def through_a_file(code: Code) -> Code:
    buffer = io.BytesIO()
    np.savez(buffer, **code.to_arrays())  # type: ignore[arg-type]
    with np.load(io.BytesIO(buffer.getvalue()), allow_pickle=False) as entry:
        return code_from_arrays(dict(entry))


@SETTINGS
@given(tokens)
def test_tokens_through_a_file(code: Tokens) -> None:
    back = through_a_file(code)
    assert isinstance(back, Tokens)
    assert len(back.streams) == len(code.streams)
    for found, put in zip(back.streams, code.streams, strict=True):
        assert (found.codebook, found.rate) == (put.codebook, put.rate)
        assert found.codes.dtype == np.int64
        np.testing.assert_array_equal(found.codes, put.codes)
    assert (back.samples, back.sample_rate, back.side_bits) == (code.samples, code.sample_rate, code.side_bits)
    assert set(back.side) == set(code.side)
    for name, array in code.side.items():
        assert back.side[name].dtype == array.dtype
        np.testing.assert_array_equal(back.side[name], array)
    assert (back.bits, back.seconds) == (code.bits, code.seconds)


@SETTINGS
@given(bitstreams)
def test_bitstreams_through_a_file(code: Bitstream) -> None:
    assert through_a_file(code) == code


@SETTINGS
@given(tokens.filter(lambda code: code.streams), st.data())
def test_a_prefix_is_the_first_streams_and_everything_else(code: Tokens, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(code.streams)))
    part = code.prefix(count)
    assert part.streams == code.streams[:count]
    assert (part.samples, part.sample_rate, part.side_bits) == (code.samples, code.sample_rate, code.side_bits)
    assert part.side is code.side
    assert part.bits <= code.bits + 1e-9
    assert code.prefix(None) is code
    assert code.prefix(len(code.streams)) is code


@pytest.mark.parametrize("count", [-1, 0, 4])
def test_no_such_prefix(count: int) -> None:
    book = Codebook(4, hop=320)
    three = Tokens((Stream(np.zeros(5, np.int64), book, Fraction(50)),) * 3)
    with pytest.raises(ValueError, match="there are 3 codebooks"):
        three.prefix(count)


def test_a_bitstream_has_no_prefix() -> None:
    stream = Bitstream((b"abc",), 24, 0.02)
    assert stream.prefix(None) is stream
    with pytest.raises(ValueError, match="no codebooks"):
        stream.prefix(1)


def test_ragged_codebooks_as_in_snac() -> None:
    """SNAC 24 kHz: three books of 4096 entries, hops 2048, 1024, 512; published as 0.98 kbit/s."""
    rate = 24_000
    code = Tokens(
        tuple(
            Stream(np.arange(frames, dtype=np.int64), Codebook(4096, hop), Fraction(rate, hop))
            for frames, hop in [(12, 2048), (24, 1024), (48, 512)]
        )
    )
    assert code.seconds == 12 * 2048 / rate
    assert code.bits == 12 * (12 + 24 + 48)
    assert code.bits / code.seconds == pytest.approx(984.375)
    assert code.prefix(1).bits / code.prefix(1).seconds == pytest.approx(140.625)


def test_a_size_that_is_no_power_of_two() -> None:
    assert Codebook(1000, 320).bits == pytest.approx(9.965784)
    assert Codebook(1000, 320, packed_bits=10).bits == 10.0
    assert Codebook(1, 320).bits == 0.0


def test_side_information_counts_once() -> None:
    stream = Stream(np.zeros(100, np.int64), Codebook(256, 320), Fraction(50))
    code = Tokens((stream,), side={"speaker": np.zeros(8, np.float32)}, side_bits=256)
    assert code.bits == 100 * 8 + 256
    assert code.bits / code.seconds == 528


def test_nothing_was_sent() -> None:
    assert (Tokens(()).bits, Tokens(()).seconds) == (0, 0.0)
    assert through_a_file(Bitstream((), 0, 0.0)) == Bitstream((), 0, 0.0)


@pytest.mark.parametrize(
    "codes",
    [
        np.array([-1]), np.array([4]), np.array([0, 3, 99]), np.zeros((2, 2), np.int64), np.zeros(2, np.int32),
        np.zeros(2, np.float64),
    ],
    ids=["negative", "size", "beyond", "two axes", "int32", "float"],
)  # fmt: skip
def test_what_codes_are_not(codes: np.ndarray) -> None:
    with pytest.raises(ValueError, match="codes are"):
        Stream(codes, Codebook(4, 320), Fraction(50))
