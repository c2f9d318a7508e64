"""What a codec of a user returns is checked, with the likely cause in the message; right values are numpy's own."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.adapters.systems import System
from codec_bench.audio import Audio
from codec_bench.coding.rows import Row, describe_system
from codec_bench.errors import CodecError
from codec_bench.tokens import Bitstream, Codebook, Stream, Tokens

HOP = 320
AUDIO = Audio(np.linspace(-0.5, 0.5, 16_000, dtype=np.float32), 16_000)
FRAMES = len(AUDIO) // HOP


def codec(
    books: int = 1,
    encode: Callable[[Any], Any] = lambda samples: np.zeros((1, -(-len(samples) // HOP)), np.int64),
    decode: Callable[[Any], Any] = lambda code: np.zeros(HOP * len(code.streams[0].codes), np.float32),
    raw: bool = False,
    **spec: Any,
) -> Codec:
    """A codec of a user; `raw` gives what `encode` returns as it is, not as tokens."""

    class Users(Codec):
        name = "users"

        def _encode(self, samples: Any) -> Any:
            made = encode(samples)
            return made if raw else self.tokens(made)

        def _decode(self, code: Any) -> Any:
            return decode(code)

    rates = {"input_rate": 16_000, "output_rate": 16_000} | spec
    Users.spec = CodecSpec("Users", Group.ACOUSTIC, codebooks=(Codebook(1024, HOP),) * books, **rates)
    return Users()


@pytest.mark.parametrize(
    ("books", "codes", "message"),
    [
        (8, np.zeros((FRAMES, 8), int), r"\[codebooks, frames\] = \[8, 50\], not \(50, 8\): transpose"),
        (8, np.zeros((1, 8, FRAMES), int), r"not \(1, 8, 50\): take codes\[0\]: a batch of one"),
        (8, [np.zeros((8, FRAMES), int)], r"not \(1, 8, 50\): take codes\[0\]: a batch of one"),
        (8, np.zeros((8, 2, FRAMES), int), r"not \(8, 2, 50\): one row per codebook"),
        (1, np.zeros(FRAMES, int), r"not \(50,\): one row per codebook"),
        (8, np.zeros((4, FRAMES), int), "the spec states 8 codebooks, and 4 came"),
        (1, np.zeros((2, FRAMES), int), "the spec states 1 codebook, and 2 came"),
        (1, np.full((1, FRAMES), 3.0), "codebook 1 holds float64, not integers"),
        (1, np.linspace(0, 9.5, FRAMES)[None], "codebook 1 holds float64, not integers"),
        (1, np.ones((1, FRAMES), bool), "codebook 1 holds bool, not integers"),
        (1, np.full((1, FRAMES), 1024), "has 1024 entries, and its codes are from 1024 to 1024: is `size` right"),
        (1, np.full((1, FRAMES), -1), "its codes are from -1 to -1: is a mask or padding left"),
        (1, np.zeros((1, 2 * FRAMES), int), "last 2.00 s, and 1.00 s were encoded.*100 came; is `hop` 160"),
        (1, np.zeros((1, FRAMES // 4), int), "last 0.24 s, and 1.00 s were encoded"),
        (1, np.zeros((1, 0), int), "last 0.00 s, and 1.00 s were encoded"),
        (2, [np.zeros(FRAMES, int), np.zeros(FRAMES // 2, int)], "tokens of codebook 2 last 0.50 s"),
        (1, "tokens", "not an array of numbers"),
        (1, None, "not an array of numbers"),
        (1, [["a"] * FRAMES], "codebook 1 is a list, not an array of numbers"),
    ],
)
def test_codes_of_a_wrong_shape_range_or_rate(books: int, codes: Any, message: str):
    with pytest.raises(CodecError, match=message):
        codec(books, encode=lambda _: codes).encode(AUDIO)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint16, np.int64])
def test_integers_of_any_kind_are_codes(dtype: Any):
    codes = np.arange(FRAMES, dtype=dtype)[None]
    assert np.array_equal(codec(encode=lambda _: codes).encode(AUDIO).streams[0].codes, np.arange(FRAMES))


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_a_frame_more_or_less_is_right(extra: int):
    made = codec(encode=lambda _: np.zeros((1, FRAMES + extra), int)).encode(AUDIO)
    assert len(made.streams[0].codes) == FRAMES + extra


def test_codebooks_of_several_rates_may_be_padded_to_the_slowest():
    class Scales(Codec):
        name = "scales"
        spec = CodecSpec("S", Group.ACOUSTIC, 16_000, 16_000, (Codebook(16, 2560), Codebook(16, 320)))

        def _encode(self, samples: Any) -> Any:
            blocks = -(-len(samples) // 2560)
            return self.tokens([np.zeros(blocks, int), np.zeros(8 * blocks, int)])

        def _decode(self, code: Any) -> Any:
            return np.zeros(2560 * len(code.streams[0].codes), np.float32)

    made = Scales()
    assert len(made.decode(made.encode(AUDIO))) == len(AUDIO)


def test_a_codec_that_pads_further_says_so():
    codes = np.zeros((1, 2 * FRAMES), int)
    made = codec(encode=lambda _: codes, padding=16_000)
    assert len(made.decode(made.encode(AUDIO))) == len(AUDIO)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (None, "`_encode` returned None"),
        ({"codes": [1]}, "`_encode` returned a dict"),
        (np.zeros((1, FRAMES), int), "`_encode` returned a ndarray"),
        (Bitstream((b"x",) * 500, 8, 10.0), "the packets last 10.00 s, and 1.00 s were encoded"),
        (Bitstream((b"x",) * 50, float("nan"), 1.0), "bits is nan"),  # type: ignore[arg-type]
        (Bitstream((b"x",) * 50, -8, 1.0), "bits is -8"),
        (Tokens((), side={"x": np.array([{}])}), "the spec states 1 codebook, and 0 came"),
    ],
)
def test_what_is_no_code(made: Any, message: str):
    with pytest.raises(CodecError, match=message):
        codec(encode=lambda _: made, raw=True, hop=HOP).encode(AUDIO)


def test_side_information_is_numbers_and_costs_no_negative_bits():
    streams = codec().encode(AUDIO).streams
    for side, bits, message in (
        ({"x": np.array([{"a": 1}], dtype=object)}, 1, "'x' is an array of Python objects"),
        ({}, -1, "side_bits is -1"),
        ({}, float("nan"), "side_bits is nan"),
    ):
        made = Tokens(streams, side=side, side_bits=bits)  # type: ignore[arg-type]
        with pytest.raises(CodecError, match=message):
            codec(encode=lambda _, made=made: made, raw=True).encode(AUDIO)


SIGNAL = np.sin(np.arange(16_000) / 30).astype(np.float32) / 2


@pytest.mark.parametrize(
    ("decoded", "message"),
    [
        ((SIGNAL * 32767).astype(np.int16), r"returned int16 \(16000,\), not floats in \[-1, 1\]: divide by 32768"),
        ((SIGNAL * 32767).astype(np.float32), "samples up to 1.638e\\+04, not floats in"),
        (SIGNAL.astype(np.complex64), "returned complex64"),
        (SIGNAL > 0, "returned bool"),
        (SIGNAL.astype(object), "an array of Python objects"),
        ("hello", "is a str, not an array of numbers"),
        (None, "is None, not an array of numbers"),
        (np.float32(1), r"not \(\): one signal"),
        (np.stack([SIGNAL, SIGNAL]), r"not \(2, 16000\): average the channels"),
        (np.stack([SIGNAL, SIGNAL])[None], r"not \(1, 2, 16000\)"),
        (SIGNAL[:, None], r"not \(16000, 1\)"),
        (np.repeat(SIGNAL, 2), "lasts 1.00 s too long: 32000 samples where 16000 are expected, 2.00 times.*32000"),
        (np.interp(np.arange(0, 16_000, 2 / 3), np.arange(16_000), SIGNAL), "1.50 times as many: .*rate` 24000"),
        (SIGNAL[:8_000], "ends 0.50 s early: 8000 samples where 16000 are expected, 0.50 times as many"),
        (SIGNAL[:0], "ends 1.00 s early"),
    ],
)  # fmt: skip
def test_decoded_audio_of_a_wrong_type_shape_or_length(decoded: Any, message: str):
    made = codec(decode=lambda _: decoded)
    with pytest.raises(CodecError, match=message):
        made.decode(made.encode(AUDIO))


@pytest.mark.parametrize("shape", [(-1,), (1, -1), (1, 1, -1)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_leading_ones_are_squeezed_and_stated_once(shape: tuple[int, ...], dtype: Any):
    made = codec(decode=lambda _: SIGNAL.astype(dtype).reshape(shape))
    code = made.encode(AUDIO)
    for _ in range(2):
        assert np.array_equal(made.decode(code).samples, SIGNAL.astype(dtype).astype(np.float32))
    stated = f"`_decode` returns {len(shape)} dimensions, read as [n]"
    assert made.notes == ([stated] if len(shape) > 1 else [])


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "float64"])
def test_tensors_are_arrays(kind: str):
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(SIGNAL).to(getattr(torch, kind)).requires_grad_(True)
    made = codec(decode=lambda _: tensor, encode=lambda s: torch.zeros((1, -(-len(s) // HOP)), dtype=torch.int32))
    assert np.array_equal(made.decode(made.encode(AUDIO)).samples, tensor.detach().float().numpy())


@pytest.mark.parametrize(("extra", "is_right"), [(-1500, True), (1500, True), (-1700, False), (1700, False)])
def test_the_slack_holds_in_both_directions(extra: int, is_right: bool):
    """0.1 s at 16 kHz are 1,600 samples."""
    made = codec(decode=lambda _: np.ones(16_000 + extra, np.float32))
    code = made.encode(AUDIO)
    if is_right:
        assert len(made.decode(code)) == 16_000
    else:
        with pytest.raises(CodecError, match=r"0\.11 s"):
            made.decode(code)


def test_a_stated_slack_is_taken():
    made = codec(decode=lambda _: np.ones(12_000, np.float32), slack=0.3)
    samples = made.decode(made.encode(AUDIO)).samples
    assert samples[:12_000].all() and not samples[12_000:].any()


# --- inputs ---------------------------------------------------------------------------------------------------------


def in_place(samples: Any) -> Any:
    samples[:] = 0
    return np.zeros((1, FRAMES), int)


def by_tensor(samples: Any) -> Any:
    import torch

    torch.from_numpy(samples).zero_()
    return np.zeros((1, FRAMES), int)


@pytest.mark.filterwarnings("error:The given NumPy array is not writable")
@pytest.mark.parametrize(("write", "error"), [(in_place, ValueError), (by_tensor, CodecError)])
def test_an_encoder_that_writes_into_its_input_gets_an_error_and_nobody_sees_it(write: Any, error: type[Exception]):
    audio = Audio(AUDIO.samples.copy(), 16_000)
    with pytest.raises(error, match=r"read-only|wrote into its input"):
        codec(encode=write).encode(audio)
    assert np.array_equal(audio.samples, AUDIO.samples)


@pytest.mark.parametrize("is_batch", [False, True])
def test_what_was_written_before_an_exception_is_undone(is_batch: bool):
    def scale_and_raise(samples: Any) -> Any:
        ctypes.memset(samples.ctypes.data, 0, samples.nbytes)
        raise RuntimeError("oops")

    audios = [Audio(AUDIO.samples.copy(), 16_000) for _ in range(2)]
    made = codec(encode=scale_and_raise)
    with pytest.raises(RuntimeError, match="oops"):
        made.encode_batch(audios) if is_batch else made.encode(audios[0])
    for audio in audios:
        assert np.array_equal(audio.samples, AUDIO.samples)


def test_all_of_a_batch_that_was_written_is_undone():
    audios = [Audio(AUDIO.samples.copy(), 16_000) for _ in range(2)]

    def zeroed(samples: Any) -> Any:
        ctypes.memset(samples.ctypes.data, 0, samples.nbytes)
        return np.zeros((1, FRAMES), int)

    with pytest.raises(CodecError, match="`_encode` wrote into its input"):
        codec(encode=zeroed).encode_batch(audios)
    assert all(np.array_equal(audio.samples, AUDIO.samples) for audio in audios)


def test_tokens_of_a_variable_rate_last_as_long_as_they_say():
    """Ten tokens for a second count ten times their bits, and no bitrate is known beforehand."""

    def encode(rate: int) -> Callable[[Any], Tokens]:
        return lambda _: Tokens((Stream(np.zeros(10, np.int64), Codebook(1024, HOP), Fraction(rate)),))

    made = codec(encode=encode(10), raw=True, variable_rate=True)
    code = made.encode(AUDIO)
    assert (code.bits, code.seconds) == (100, 1)
    described = describe_system(Row(System("users", made)))
    assert described["nominal_bitrate"] is described["tokens_per_second"] is described["frame_rate_hz"] is None
    with pytest.raises(CodecError, match=r"the tokens of codebook 1 last 0.50 s, and 1.00 s were encoded"):
        codec(encode=encode(20), raw=True, variable_rate=True).encode(AUDIO)
    with pytest.raises(CodecError, match="50 tokens/s are stated, 10 came"):
        codec(encode=encode(10), raw=True).encode(AUDIO)


def test_a_decoder_that_writes_into_the_tokens_gets_an_error_and_nobody_sees_it():
    def decode(code: Tokens) -> Any:
        code.streams[0].codes[:] = 7
        return SIGNAL

    made = codec(decode=decode)
    code = made.encode(AUDIO)
    with pytest.raises(CodecError, match="`_decode` wrote into its input"):
        made.decode(code)
    assert not code.streams[0].codes.any()


@pytest.mark.parametrize("results", [None, [], [1, 2, 3]])
def test_a_batch_has_one_result_for_each_recording(results: Any):
    made = codec()
    made._encode_batch = lambda batch: results  # type: ignore[method-assign]
    with pytest.raises(CodecError, match="for 2 recordings"):
        made.encode_batch([AUDIO, AUDIO])
