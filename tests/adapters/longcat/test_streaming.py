"""Chunks of any size make the audio that decoding at once makes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec_bench.adapters.longcat.model import LongCatDecoder
from codec_bench.adapters.longcat.streaming import StreamingDecoder, measure_latency
from codec_bench.errors import CodecError

CAUSAL = ["24k_4codebooks", "24k_2codebooks"]
RNG = np.random.default_rng(0)
CODES = np.stack([RNG.integers(0, 8192, 60), *RNG.integers(0, 8100, (3, 60))])


@pytest.mark.long
@pytest.mark.parametrize("name", CAUSAL)
@settings(deadline=None, max_examples=40)
@given(chunks=st.lists(st.integers(0, 9), max_size=9), codebooks=st.integers(2, 4))
def test_every_chunking(decoders: dict[str, LongCatDecoder], name: str, chunks: list[int], codebooks: int):
    decoder = decoders[name]
    codes = np.tile(CODES, 2)[: min(codebooks, decoder.codebooks), : sum(chunks)]
    assert codes.shape[1] == sum(chunks)
    session = StreamingDecoder(decoder)
    parts, pushed = [], 0
    for chunk in chunks:
        parts.append(session.push(codes[:, pushed : pushed + chunk]))
        pushed += chunk
        assert sum(map(len, parts)) == max(pushed - 3, 0) * decoder.hop
    audio = np.concatenate([*parts, session.flush()])
    expected = decoder.decode(codes)
    assert audio.dtype == np.float32
    assert audio.shape == expected.shape
    assert np.abs(audio - expected).max(initial=0) < 1e-5


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 4, 5, 18, 19, 20])
def test_short_streams(decoders: dict[str, LongCatDecoder], frames: int):
    """Fewer frames than the look-ahead, and about as many as a frame depends on."""
    decoder = decoders["24k_4codebooks"]
    session = StreamingDecoder(decoder)
    parts = [session.push(CODES[:, i : i + 1]) for i in range(frames)]
    audio = np.concatenate([*parts, session.flush()])
    assert audio.shape == (frames * 1440,)
    assert np.abs(audio - decoder.decode(CODES[:, :frames])).max(initial=0) < 1e-5


def test_a_session_keeps_to_its_number_of_codebooks(decoders: dict[str, LongCatDecoder]):
    session = StreamingDecoder(decoders["24k_4codebooks"], 2)
    audio = np.concatenate([session.push(CODES[:, :30]), session.flush()])
    assert np.abs(audio - decoders["24k_4codebooks"].decode(CODES[:2, :30])).max() < 1e-5


def test_samples_that_were_heard_are_final(decoders: dict[str, LongCatDecoder]):
    """Two streams that part after frame 20 sound alike until frame 17 ends, and not a frame longer."""
    other = CODES.copy()
    other[:, 20:] = (other[:, 20:] + 1234) % 8100
    one, two = (decoders["24k_4codebooks"].decode(codes) for codes in (CODES, other))
    assert np.abs(one[: 17 * 1440] - two[: 17 * 1440]).max() < 1e-6
    assert np.abs(one[17 * 1440 : 18 * 1440] - two[17 * 1440 : 18 * 1440]).max() > 1e-4


def test_sessions_do_not_disturb_each_other(decoders: dict[str, LongCatDecoder]):
    decoder = decoders["24k_4codebooks"]
    one, two = StreamingDecoder(decoder), StreamingDecoder(decoder)
    backwards = CODES[:, ::-1].copy()
    heard = [(one.push(CODES[:, i : i + 2]), two.push(backwards[:, i : i + 2])) for i in range(0, 60, 2)]
    first = np.concatenate([*(a for a, _ in heard), one.flush()])
    second = np.concatenate([*(b for _, b in heard), two.flush()])
    assert np.abs(first - decoder.decode(CODES)).max() < 1e-5
    assert np.abs(second - decoder.decode(backwards)).max() < 1e-5


def test_after_the_end(decoders: dict[str, LongCatDecoder]):
    session = StreamingDecoder(decoders["24k_4codebooks"])
    session.push(CODES[:, :5])
    assert len(session.flush()) == 3 * 1440
    assert len(session.flush()) == 0
    with pytest.raises(CodecError, match="reset"):
        session.push(CODES[:, 5:6])
    session.reset()
    again = np.concatenate([session.push(CODES[:, :8]), session.flush()])
    assert np.abs(again - decoders["24k_4codebooks"].decode(CODES[:, :8])).max() < 1e-5


def test_latency_is_measured(decoders: dict[str, LongCatDecoder]):
    for name in CAUSAL:
        latency = measure_latency(decoders[name])
        assert (latency.frames, latency.look_ahead) == (4, 3)
        assert latency.seconds == pytest.approx(0.18 + 0.06)
        assert latency.compute > 0


def test_the_16_khz_decoder_refuses(decoders: dict[str, LongCatDecoder]):
    with pytest.raises(CodecError, match="16 kHz decoder cannot decode a stream"):
        StreamingDecoder(decoders["16k_4codebooks"])


@pytest.mark.parametrize("codes", [CODES[:1], CODES[:, :2] * 0 - 1, CODES[:, :2] * 0 + 8100, CODES[0]])
def test_codes_that_do_not_exist_are_refused(decoders: dict[str, LongCatDecoder], codes: np.ndarray):
    with pytest.raises(CodecError):
        StreamingDecoder(decoders["24k_4codebooks"]).push(codes)
    with pytest.raises(CodecError):
        decoders["24k_4codebooks"].decode(codes)
