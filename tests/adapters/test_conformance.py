"""What every registered codec promises at each of its standard settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

import codec_bench
from codec_bench.adapters import CODECS, Codec, Group
from codec_bench.adapters.published_only import PublishedOnly
from codec_bench.audio import Audio, FloatArray, fit, length_at, read_audio, resample
from codec_bench.errors import CodecError, UsageError
from codec_bench.records import NotScorable, Status
from codec_bench.tokens import Bitstream, Code, Tokens, code_from_arrays
from tests.adapters import buildable

DEMO = Path(codec_bench.__file__).parent / "datasets/demo/audio"
SHARED = Path(__file__).resolve().parents[3] / "shared"
RATES = (8000, 16_000, 24_000, 44_100, 48_000)

RANDOM = buildable.NAMES
"""Codecs whose weights are not at hand: they are built from random ones, so what they decode is noise."""

UNBUILT = {name for name in CODECS.names() if issubclass(CODECS.get(name), PublishedOnly)} | {"test-failing"}
"""What nobody can run; and what promises the opposite, see tests/testing/test_codecs.py."""

NO_WAVEFORM = ("codec2", *RANDOM)
"""Parametric codecs, which do not keep the waveform, and noise."""

DROPS = dict.fromkeys(["neucodec", *(name for name in RANDOM if name.startswith("s3tokenizer"))], 1) | dict.fromkeys(
    ["hubert-km", "lscodec-50hz", "lscodec-25hz"], 2
)
"""Frames that codecs lose at the end, as their makers' code does: it sends full windows only."""

FILLS_SECONDS = {"semanticodec": 0.16}
"""Codecs that fill recordings to more than a frame."""


def settings_of(name: str) -> list[str | int | None]:
    """All standard settings; of what is built, and has tests of its own for the others, the last."""
    cls = CODECS.get(name)
    found = [*(cls.modes or cls.prefixes or (None,))]
    return found[-1:] if name in RANDOM else found


SETTINGS = [(name, setting) for name in CODECS.names() if name not in UNBUILT for setting in settings_of(name)]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[buildable.Machine]:
    """A mirror that has the real weights that are at hand, and builds the others when a codec asks for them."""
    with pytest.MonkeyPatch.context() as patch:
        yield buildable.Machine(tmp_path_factory.mktemp("machine"), patch, SHARED)


@pytest.fixture(scope="module", params=SETTINGS, ids=lambda s: f"{s[0]}@{s[1]}" if s[1] else s[0])
def codec(request: pytest.FixtureRequest, machine: buildable.Machine) -> Iterator[Codec]:
    name, setting = request.param
    made = machine.codec(name, setting)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _places(machine: buildable.Machine, _own_home: None, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.use(monkeypatch)


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
    again = type(codec)(codec.mode)
    again.__dict__.update({k: v for k, v in vars(codec).items() if k == "_replaced"})
    assert codec.fingerprint == again.fingerprint
    others = [type(codec)(mode).fingerprint for mode in codec.modes if mode != codec.mode]
    assert codec.fingerprint not in others, "no two settings share an address"
    with pytest.raises(UsageError, match=codec.name):
        type(codec)("no such setting")


def test_the_output_has_the_length_of_the_input(codec: Codec, speech: Audio) -> None:
    # One rate is enough for a codec that is slow: all are resampled in one place.
    for rate in (44_100,) if codec.name in RANDOM else RATES:
        samples = resample(speech, rate).samples
        assert len(samples) > rate
        for length in (1, 10, rate // 10, rate // 3 | 1):
            code = codec.encode(Audio(samples[:length], rate))
            assert (code.samples, code.sample_rate) == (length, rate)
            if not codec.spec.decodes:
                continue
            decoded = codec.decode(code)
            assert decoded.rate == codec.spec.output_rate
            assert len(decoded) == length_at(length, rate, decoded.rate), f"{length} samples at {rate} Hz"
            assert np.isfinite(decoded.samples).all()


def test_nothing_is_left_from_the_recording_before(codec: Codec, speech: Audio, other: Audio) -> None:
    first = codec.encode(speech)
    if not codec.spec.decodes:
        assert not same(codec.encode(other), first)
        assert same(codec.encode(speech), first)
        return
    decoded = codec.decode(first)
    different = codec.decode(codec.encode(other))
    assert not np.array_equal(different.samples, decoded.samples[: len(different)])
    assert same(codec.encode(speech), first)
    assert np.array_equal(codec.decode(first).samples, decoded.samples)


def test_the_payload_is_counted_and_covers_the_recording(codec: Codec, speech: Audio) -> None:
    code = codec.encode(speech)
    used = code.prefix(codec.codebooks) if isinstance(code, Tokens) else code
    assert code.samples == len(speech)
    assert code.sample_rate == speech.rate
    spec = codec.spec
    if isinstance(code, Tokens) and not spec.codebooks:
        assert spec.group is Group.REFERENCE  # nothing is quantised, so there is no payload
        assert used.bits == 0
        return
    assert used.bits > 0
    frame = max([book.hop for book in spec.codebooks] or [spec.hop or 0]) / spec.input_rate
    lost = frame * DROPS.get(codec.name, 0)
    filled = max(2 * frame, FILLS_SECONDS.get(codec.name, 0.0))
    # At most a frame that is begun, and one for what the decoder drops at the start.
    assert speech.seconds - lost <= code.seconds <= speech.seconds + spec.delay / spec.output_rate + filled
    if isinstance(code, Bitstream):
        assert 0 < code.bits <= 8 * sum(map(len, code.packets))
        assert code.seconds == len(code.packets) * (spec.hop or 0) / spec.input_rate
    else:
        assert len(code.streams) == len(spec.codebooks)
        for stream, book in zip(code.streams, spec.codebooks, strict=True):
            assert stream.codebook == book
            assert 0 <= stream.codes.min() <= stream.codes.max() < book.size
        if len({len(stream.codes) for stream in used.streams}) == 1:
            payload = (used.bits - used.side_bits) / used.seconds
            assert payload == pytest.approx(spec.bitrate(codec.codebooks), rel=1e-9)


def test_the_code_survives_being_stored(codec: Codec, speech: Audio) -> None:
    code = codec.encode(speech)
    restored = code_from_arrays(code.to_arrays())
    assert restored.bits == code.bits
    if not codec.spec.decodes:
        with pytest.raises(CodecError, match="has no decoder"):
            codec.decode(code)
        return
    assert np.array_equal(codec.decode(restored).samples, codec.decode(code).samples)


def test_silence_stays_silent_and_audio_beyond_full_scale_is_coded(codec: Codec, speech: Audio) -> None:
    silence = codec.encode(Audio(np.zeros(8001, np.float32), 16_000))
    assert silence.bits > 0 or codec.spec.group is Group.REFERENCE
    loud = codec.encode(Audio(speech.samples * np.float32(4 / speech.peak), speech.rate))
    if codec.spec.decodes:
        decoded = codec.decode(silence)
        assert np.isfinite(decoded.samples).all()
        assert decoded.peak < 0.01 or codec.name in RANDOM
        decoded = codec.decode(loud)
        assert np.isfinite(decoded.samples).all()
        assert not decoded.is_silent


def test_what_cannot_be_coded_is_refused(codec: Codec) -> None:
    for samples, status in (
        ([], Status.EMPTY),
        ([0.1, np.nan], Status.NOT_FINITE),
        ([0.1, np.inf], Status.NOT_FINITE),
    ):
        with pytest.raises(NotScorable) as caught:
            codec.encode(Audio(np.array(samples, np.float32), 16_000))
        assert caught.value.status is status


def test_the_waveform_comes_back_in_place(codec: Codec, speech: Audio) -> None:
    if codec.name in NO_WAVEFORM or not codec.spec.decodes:
        pytest.skip("this codec does not keep the waveform")
    for rate in (16_000, 44_100):
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


def test_a_batch_gives_what_single_calls_give(codec: Codec, speech: Audio, other: Audio) -> None:
    audios = [speech, other, Audio(speech.samples[: len(other)], speech.rate)]
    codes = codec.encode_batch(audios)
    assert all(same(code, codec.encode(audio)) for code, audio in zip(codes, audios, strict=True))
    if codec.spec.decodes:
        for decoded, code in zip(codec.decode_batch(codes), codes, strict=True):
            np.testing.assert_allclose(decoded.samples, codec.decode(code).samples, atol=1e-5)


def test_fewer_codebooks_are_a_prefix(codec: Codec, speech: Audio) -> None:
    counts = sorted({*codec.prefixes, len(codec.spec.codebooks)})
    if len(counts) < 2 or not codec.spec.decodes:
        pytest.skip("this codec has one number of codebooks")
    code = codec.encode(speech)
    few, all_of_them = (codec.decode(code, count) for count in (counts[0], counts[-1]))
    assert len(few) == len(all_of_them)
    assert not np.array_equal(few.samples, all_of_them.samples)
    assert np.array_equal(codec.decode(code.prefix(counts[0]), counts[0]).samples, few.samples)
    assert np.array_equal(codec.decode(code, counts[-1]).samples, all_of_them.samples)


@pytest.mark.slow
def test_a_minute_is_coded(codec: Codec, speech: Audio) -> None:
    if codec.name in buildable.LONG_ELSEWHERE:
        pytest.skip("its own tests do this")
    minute = Audio(np.tile(speech.samples[:16_000], 60), 16_000)
    code = codec.encode(minute)
    assert code.seconds >= 58 or codec.spec.group is Group.REFERENCE
    if codec.spec.decodes:
        decoded = codec.decode(code)
        assert len(decoded) == length_at(len(minute), minute.rate, decoded.rate)
        assert np.isfinite(decoded.samples).all()


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
