"""What every codec promises at each of its standard settings.

Codecs that share an adapter are here once for it: what each of them does is compared with its package or its networks
in tests of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, correlate, sosfiltfilt

import codec_bench
from codec_bench.adapters import CODECS, Codec
from codec_bench.adapters.published_only import PublishedOnly
from codec_bench.audio import Audio, FloatArray, fit, length_at, read_audio, resample
from codec_bench.errors import CodecError, UsageError
from codec_bench.records import NotScorable, Status
from codec_bench.tokens import Bitstream, Code, Tokens, code_from_arrays
from tests.adapters import buildable

DEMO = Path(codec_bench.__file__).parent / "datasets/demo/audio"

BUILT = {
    "mimi": 32,
    "encodec-24khz": 32,
    "speechtokenizer": 8,
    "s3tokenizer-v2-25hz": None,
    "hubert-km1000": None,
    "mhubert-km500-25hz": None,
    "facodec": 6,
    "longcat-24k": 4,
}
"""At least one of each adapter whose weights are not at hand, at one setting: random weights, so what they decode is
noise."""

UNBUILT = {name for name in CODECS.names() if issubclass(CODECS.get(name), PublishedOnly)} | {"test-failing"}
"""What nobody can run; and what promises the opposite, see tests/testing/test_codecs.py."""

NO_WAVEFORM = ("codec2", *BUILT)
"""Parametric codecs, which do not keep the waveform, and noise."""

DROPS = {"s3tokenizer-v2-25hz": 1, "hubert-km1000": 2, "mhubert-km500-25hz": 1}
"""Frames that codecs lose at the end, as their makers' code does: it sends full windows only."""

SETTINGS: list[tuple[str, str | int | None]] = [*BUILT.items()]
SETTINGS += [
    (name, setting)
    for name in CODECS.names()
    if name not in {*buildable.NAMES, *UNBUILT}
    for setting in (CODECS.get(name).modes or CODECS.get(name).prefixes or (None,))
]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[buildable.Machine]:
    with pytest.MonkeyPatch.context() as patch:
        yield buildable.Machine(tmp_path_factory.mktemp("machine"), patch)


@pytest.fixture(scope="module", params=SETTINGS, ids=lambda s: f"{s[0]}@{s[1]}" if s[1] else s[0])
def codec(request: pytest.FixtureRequest, machine: buildable.Machine) -> Iterator[Codec]:
    if request.param[0] in buildable.LONGCAT:
        machine.add(request.getfixturevalue("longcat_mirror"))
    made = machine.codec(*request.param)
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
def code(codec: Codec, speech: Audio) -> Code:
    return codec.encode(speech)


@pytest.fixture(scope="module")
def decoded(codec: Codec, code: Code) -> Audio:
    if not codec.spec.decodes:
        pytest.skip("this codec has no decoder")
    return codec.decode(code)


def same(a: Code, b: Code) -> bool:
    left, right = a.to_arrays(), b.to_arrays()
    return left.keys() == right.keys() and all(np.array_equal(left[key], right[key]) for key in left)


def test_it_says_what_it_is(codec: Codec) -> None:
    spec = codec.spec
    assert CODECS.get(codec.name) is type(codec)
    assert spec.title
    assert spec.source
    assert spec.frame_rate
    assert spec.streaming is not None
    assert spec.licence or codec.name.startswith("test-")
    again = type(codec)(codec.mode)
    again.__dict__.update({k: v for k, v in vars(codec).items() if k == "_replaced"})
    assert codec.fingerprint == again.fingerprint
    others = [type(codec)(mode).fingerprint for mode in codec.modes if mode != codec.mode]
    assert codec.fingerprint not in others, "no two settings share an address"
    for wrong in ("no such setting", *((None,) if codec.modes else ())):
        with pytest.raises(UsageError, match=codec.name):
            type(codec)(wrong)


def test_the_output_has_the_length_of_the_input(codec: Codec, speech: Audio) -> None:
    for rate in (8000, 44_100):
        samples = resample(speech, rate).samples
        for length in (1, 10, rate // 10, rate // 3 | 1):
            code = codec.encode(Audio(samples[:length], rate))
            assert (code.samples, code.sample_rate) == (length, rate)
            if codec.spec.decodes:
                decoded = codec.decode(code)
                assert decoded.rate == codec.spec.output_rate
                assert len(decoded) == length_at(length, rate, decoded.rate), f"{length} samples at {rate} Hz"
                assert np.isfinite(decoded.samples).all()


def test_nothing_is_left_from_the_recording_before(codec: Codec, speech: Audio, code: Code) -> None:
    other = Audio(read_audio(DEMO / "slt-02.flac").samples[4800:12_800], 16_000)
    different = codec.encode(other)
    assert not same(different, code)
    if codec.spec.decodes:
        before = codec.decode(code)
        after = codec.decode(different)
        assert not np.array_equal(after.samples, before.samples[: len(after)])
        assert np.array_equal(codec.decode(code).samples, before.samples)
    assert same(codec.encode(speech), code)


def test_the_payload_is_counted_and_covers_the_recording(codec: Codec, speech: Audio, code: Code) -> None:
    spec = codec.spec
    assert (code.samples, code.sample_rate) == (len(speech), speech.rate)
    frame = max([book.hop for book in spec.codebooks] or [spec.hop or 0]) / spec.input_rate
    # At most a frame that is begun, and one for what the decoder drops at the start.
    most = speech.seconds + spec.delay / spec.output_rate + 2 * frame
    assert speech.seconds - frame * DROPS.get(codec.name, 0) <= code.seconds <= most
    if isinstance(code, Bitstream):
        assert 0 < code.bits <= 8 * sum(map(len, code.packets))
        assert code.seconds == len(code.packets) * (spec.hop or 0) / spec.input_rate
        return
    assert len(code.streams) == len(spec.codebooks)
    for stream, book in zip(code.streams, spec.codebooks, strict=True):
        assert stream.codebook == book
        assert 0 <= stream.codes.min() <= stream.codes.max() < book.size
    used = code.prefix(codec.codebooks)
    assert (used.bits - used.side_bits) / used.seconds == pytest.approx(spec.bitrate(codec.codebooks), rel=1e-9)


def test_a_code_that_was_stored_is_decoded_to_the_same(codec: Codec, code: Code, decoded: Audio) -> None:
    restored = code_from_arrays(code.to_arrays())
    assert restored.bits == code.bits
    assert np.array_equal(codec.decode(restored).samples, decoded.samples)


def test_silence_stays_silent_and_audio_beyond_full_scale_is_coded(codec: Codec, speech: Audio) -> None:
    silence = codec.encode(Audio(np.zeros(8001, np.float32), 16_000))
    assert silence.bits > 0
    loud = codec.encode(Audio(speech.samples * np.float32(4 / speech.peak), speech.rate))
    if not codec.spec.decodes:
        with pytest.raises(CodecError, match="has no decoder"):
            codec.decode(silence)
        return
    quiet, clipped = codec.decode(silence), codec.decode(loud)
    assert np.isfinite(quiet.samples).all()
    assert quiet.peak < 0.01 or codec.name in BUILT
    assert np.isfinite(clipped.samples).all()
    assert not clipped.is_silent


def test_the_waveform_comes_back_in_place(codec: Codec, speech: Audio) -> None:
    if codec.name in NO_WAVEFORM:
        pytest.skip("this codec does not keep the waveform")
    for rate in (16_000, 44_100):
        back = resample(codec.decode(codec.encode(resample(speech, rate))), 16_000)
        original, found = (band(fit(audio.samples, len(speech))) for audio in (speech, back))
        lag = int(np.argmax(correlate(found, original, method="fft"))) - (len(original) - 1)
        assert abs(lag) <= 1
        assert np.corrcoef(original, found)[0, 1] > 0.75


def band(samples: FloatArray) -> NDArray[np.float64]:
    """What lies in 500 to 900 Hz: above, coders at a few kbit/s keep little of the waveform, and below, the high-pass
    filters that speech coders begin with move it."""
    sections = butter(4, (500, 900), "bandpass", fs=16_000, output="sos")
    return np.asarray(sosfiltfilt(sections, samples.astype(np.float64)))


def test_fewer_codebooks_are_a_prefix(codec: Codec, code: Code, decoded: Audio) -> None:
    counts = sorted({*codec.prefixes, len(codec.spec.codebooks)})
    if len(counts) < 2:
        pytest.skip("this codec has one number of codebooks")
    few, all_of_them = (codec.decode(code, count) for count in (counts[0], counts[-1]))
    assert len(few) == len(all_of_them)
    assert not np.array_equal(few.samples, all_of_them.samples)
    assert np.array_equal(codec.decode(code.prefix(counts[0]), counts[0]).samples, few.samples)


@pytest.mark.slow
def test_a_minute_is_coded(codec: Codec, speech: Audio) -> None:
    minute = Audio(np.tile(speech.samples[:16_000], 60), 16_000)
    code = codec.encode(minute)
    assert code.seconds >= 58
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


@pytest.mark.parametrize(
    ("samples", "status"), [([], Status.EMPTY), ([0.1, np.nan], Status.NOT_FINITE), ([0.1, np.inf], Status.NOT_FINITE)]
)
def test_what_cannot_be_coded_is_refused(samples: list[float], status: Status) -> None:
    codec = CODECS.get("test-identity")()
    for encode in (codec.encode, lambda audio: codec.encode_batch([audio])):
        with pytest.raises(NotScorable) as caught:
            encode(Audio(np.array(samples, np.float32), 16_000))
        assert caught.value.status is status
