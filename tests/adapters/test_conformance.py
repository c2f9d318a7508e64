"""What every registered codec promises at each of its standard settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

import codec_bench
from codec_bench.adapters import CODECS, Codec
from codec_bench.audio import Audio, FloatArray, fit, length_at, read_audio, resample
from codec_bench.errors import UsageError
from codec_bench.records import NotScorable, Status
from codec_bench.tokens import Bitstream, Code, Tokens, code_from_arrays

DEMO = Path(codec_bench.__file__).parent / "datasets/demo/audio"
SHARED = Path(__file__).resolve().parents[3] / "shared"
RATES = (8000, 16_000, 24_000, 44_100, 48_000)

SETTINGS = [
    (name, setting)
    for name in CODECS.names()
    if name != "test-failing"  # it promises the opposite; see tests/testing/test_codecs.py
    for setting in CODECS.get(name).modes or CODECS.get(name).prefixes or (None,)
]

NO_WAVEFORM = ("codec2",)
"""Parametric codecs, which do not keep the waveform."""


@pytest.fixture(scope="module", params=SETTINGS, ids=lambda s: f"{s[0]}@{s[1]}" if s[1] else s[0])
def codec(request: pytest.FixtureRequest) -> Iterator[Codec]:
    name, setting = request.param
    cls = CODECS.get(name)
    with pytest.MonkeyPatch.context() as patch:
        if SHARED.is_dir():
            patch.setenv("CODEC_BENCH_MIRROR", str(SHARED))
        reason = cls.unavailable()
        if reason:
            pytest.skip(reason)
        made = cls(codebooks=setting) if isinstance(setting, int) else cls(setting)
        made.load()
        yield made
        made.close()


@pytest.fixture(scope="module")
def speech() -> Audio:
    """A second of the demo set at its own 16 kHz."""
    return Audio(read_audio(DEMO / "rms-01.flac").samples[4800:20_801], 16_000)


@pytest.fixture(scope="module")
def other() -> Audio:
    """Half a second of another voice."""
    return Audio(read_audio(DEMO / "slt-02.flac").samples[4800:12_800], 16_000)


def same(a: Code, b: Code) -> bool:
    left, right = a.to_arrays(), b.to_arrays()
    return left.keys() == right.keys() and all(np.array_equal(left[key], right[key]) for key in left)


def test_it_says_what_it_is(codec: Codec) -> None:
    spec = codec.spec
    assert CODECS.get(codec.name) is type(codec)
    assert spec.title
    assert spec.source
    assert spec.frame_rate
    assert spec.delay >= 0
    assert spec.streaming is not None
    assert spec.licence or codec.name.startswith("test-")
    assert codec.fingerprint == type(codec)(codec.mode).fingerprint


def test_no_two_settings_share_an_address(codec: Codec) -> None:
    others = [type(codec)(mode).fingerprint for mode in codec.modes if mode != codec.mode]
    assert codec.fingerprint not in others


@pytest.mark.parametrize("rate", RATES)
def test_the_output_has_the_length_of_the_input(codec: Codec, speech: Audio, rate: int) -> None:
    samples = resample(speech, rate).samples
    assert len(samples) > rate
    for length in (1, 10, rate // 10, rate // 3 | 1):
        decoded = codec.decode(codec.encode(Audio(samples[:length], rate)))
        assert decoded.rate == codec.spec.output_rate
        assert len(decoded) == length_at(length, rate, decoded.rate), f"{length} samples at {rate} Hz"
        assert np.isfinite(decoded.samples).all()


def test_nothing_is_left_from_the_recording_before(codec: Codec, speech: Audio, other: Audio) -> None:
    first = codec.encode(speech)
    decoded = codec.decode(first)
    different = codec.decode(codec.encode(other))
    assert not np.array_equal(different.samples, decoded.samples[: len(different)])
    assert same(codec.encode(speech), first)
    assert np.array_equal(codec.decode(first).samples, decoded.samples)


def test_the_payload_is_counted_and_covers_the_recording(codec: Codec, speech: Audio) -> None:
    code = codec.encode(speech)
    used = code.prefix(codec.codebooks) if isinstance(code, Tokens) else code
    assert used.bits > 0
    assert code.samples == len(speech)
    assert code.sample_rate == speech.rate
    spec = codec.spec
    frame = 1 / (spec.frame_rate or 1)
    # At most a frame that is begun, and one for what the decoder drops at the start.
    assert speech.seconds <= code.seconds <= speech.seconds + spec.delay / spec.output_rate + 2 * frame
    if isinstance(code, Bitstream):
        assert 0 < code.bits <= 8 * sum(map(len, code.packets))
        assert code.seconds == len(code.packets) * (spec.hop or 0) / spec.input_rate
    else:
        assert len(code.streams) == len(spec.codebooks)
        for stream, book in zip(code.streams, spec.codebooks, strict=True):
            assert stream.codebook == book
            assert 0 <= stream.codes.min() <= stream.codes.max() < book.size


def test_the_code_survives_being_stored(codec: Codec, speech: Audio) -> None:
    code = codec.encode(speech)
    restored = code_from_arrays(code.to_arrays())
    assert restored.bits == code.bits
    assert np.array_equal(codec.decode(restored).samples, codec.decode(code).samples)


def test_silence_stays_silent(codec: Codec) -> None:
    code = codec.encode(Audio(np.zeros(8001, np.float32), 16_000))
    assert code.bits > 0
    assert codec.decode(code).peak < 0.01


def test_audio_beyond_full_scale_is_coded(codec: Codec, speech: Audio) -> None:
    decoded = codec.decode(codec.encode(Audio(speech.samples * np.float32(4 / speech.peak), speech.rate)))
    assert np.isfinite(decoded.samples).all()
    assert not decoded.is_silent


@pytest.mark.parametrize(
    ("samples", "status"), [([], Status.EMPTY), ([0.1, np.nan], Status.NOT_FINITE), ([0.1, np.inf], Status.NOT_FINITE)]
)
def test_what_cannot_be_coded_is_refused(codec: Codec, samples: list[float], status: Status) -> None:
    with pytest.raises(NotScorable) as caught:
        codec.encode(Audio(np.array(samples, np.float32), 16_000))
    assert caught.value.status is status


def test_a_setting_that_does_not_exist_is_refused(codec: Codec) -> None:
    with pytest.raises(UsageError, match=codec.name):
        type(codec)("no such setting")


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_the_waveform_comes_back_in_place(codec: Codec, speech: Audio, rate: int) -> None:
    if codec.name in NO_WAVEFORM:
        pytest.skip("this codec does not keep the waveform")
    decoded = resample(codec.decode(codec.encode(resample(speech, rate))), 16_000)
    original, decoded_band = (band(fit(a.samples, len(speech))) for a in (speech, decoded))
    span = 160
    lags = range(-span, span + 1)
    found = [np.dot(original[span:-span], decoded_band[span + lag : len(original) - span + lag]) for lag in lags]
    assert abs(lags[int(np.argmax(found))]) <= 1
    assert np.corrcoef(original, decoded_band)[0, 1] > 0.75


def band(samples: FloatArray) -> NDArray[np.float64]:
    """What lies in 500 to 900 Hz: above, coders at a few kbit/s keep little of the waveform, and below, the high-pass
    filters that speech coders begin with move it."""
    sections = butter(4, (500, 900), "bandpass", fs=16_000, output="sos")
    return np.asarray(sosfiltfilt(sections, samples.astype(np.float64)))


def test_a_causal_codec_does_not_look_ahead(codec: Codec, speech: Audio) -> None:
    if not codec.spec.causal:
        pytest.skip("this codec is not said to be causal")
    rate = codec.spec.input_rate
    samples = resample(speech, rate).samples
    changed = samples.copy()
    changed[len(samples) // 2 :] = 0
    before, after = (codec.encode(Audio(s, rate)) for s in (samples, changed))
    known = int(len(samples) // 2 / rate * (codec.spec.frame_rate or 1))
    if isinstance(before, Bitstream) and isinstance(after, Bitstream):
        assert before.packets[:known] == after.packets[:known]
        assert before.packets != after.packets
    elif isinstance(before, Tokens) and isinstance(after, Tokens):
        pairs = list(zip(before.streams, after.streams, strict=True))
        assert all(np.array_equal(a.codes[:known], b.codes[:known]) for a, b in pairs)
        assert not all(np.array_equal(a.codes, b.codes) for a, b in pairs)
