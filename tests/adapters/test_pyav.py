"""Packets, bits and modes of FFmpeg's codecs, checked with other implementations of the same standards."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import correlate

import codec_bench
from codec_bench.adapters import CODECS
from codec_bench.adapters.classic import to_pcm
from codec_bench.adapters.libsndfile import G721
from codec_bench.adapters.pyav import G726, AmrNb, AvCodec, MuLaw, Opus, OpusCbr
from codec_bench.audio import Audio, FloatArray, read_audio, resample
from codec_bench.errors import CodecError, UsageError
from codec_bench.tokens import Bitstream

DEMO = Path(codec_bench.__file__).parent / "datasets/demo/audio"
AMR_BITS = {"4750": 95, "5150": 103, "5900": 118, "6700": 134, "7400": 148, "7950": 159, "10200": 204, "12200": 244}

needs_amr = pytest.mark.skipif(AmrNb.unavailable() is not None, reason=str(AmrNb.unavailable()))


@pytest.fixture(scope="module")
def speech() -> Audio:
    """1.5 s at 16 kHz."""
    return Audio(read_audio(DEMO / "ked-01.flac").samples[4800:28_801], 16_000)


def encoded(codec: AvCodec, audio: Audio) -> Bitstream:
    code = codec.encode(audio)
    assert isinstance(code, Bitstream)
    return code


def lag(reference: FloatArray, decoded: FloatArray) -> int:
    return int(np.argmax(correlate(decoded, reference, "full", "fft"))) - len(reference) + 1


@pytest.mark.parametrize("label", ["g722", "g723.1", "mulaw", *(f"g726@{mode}" for mode in G726.modes)])
def test_constant_rates_are_nominal(label: str, speech: Audio) -> None:
    nominal = {"g722": 64_000, "g723.1": 6300, "mulaw": 64_000}
    name, _, mode = label.partition("@")
    code = CODECS.get(name)(mode or None).encode(speech)
    assert code.bits / code.seconds == pytest.approx(nominal.get(name) or int(mode), rel=1e-12)


@pytest.mark.parametrize("mode", OpusCbr.modes)
def test_constant_opus_sends_what_it_is_told(mode: str, speech: Audio) -> None:
    code = encoded(OpusCbr(mode), speech)
    assert {8 * len(packet) for packet in code.packets} == {int(mode) // 50}
    assert code.bits / code.seconds == pytest.approx(int(mode), rel=1e-12)


def test_variable_opus_counts_every_packet(speech: Audio) -> None:
    code = encoded(Opus("12000"), speech)
    assert len({len(packet) for packet in code.packets}) > 5
    assert code.bits == 8 * sum(map(len, code.packets))
    assert 8000 < code.bits / code.seconds < 14_000


def test_constant_opus_rounds_to_whole_bytes(speech: Audio) -> None:
    code = encoded(OpusCbr("9000"), speech)
    assert code.bits / code.seconds == pytest.approx(9200)


def test_opus_drops_the_pre_skip_and_only_with_the_header(speech: Audio) -> None:
    codec = Opus("24000")
    code = encoded(codec, speech)
    assert code.header[:8] == b"OpusHead"
    assert int.from_bytes(code.header[10:12], "little") == 3 * codec.skipped
    assert abs(lag(speech.samples, codec.decode(code).samples)) <= 1
    assert lag(speech.samples, codec.decode(replace(code, header=b"")).samples) == pytest.approx(103, abs=1)


def test_opus_reaches_the_end_of_recordings_that_fill_their_frames() -> None:
    tone = np.sin(2 * np.pi * 440 / 16_000 * np.arange(320 * 20)).astype(np.float32) / 2
    decoded = Opus("32000").decode(Opus("32000").encode(Audio(tone, 16_000)))
    assert np.abs(decoded.samples[-60:-20]).max() > 0.3


def test_the_other_opus_decoder_hears_the_same(speech: Audio) -> None:
    class Native(Opus):
        decoder = "opus"

    code = Opus("24000").encode(speech)
    ours, native = (cls("24000").decode(code).samples for cls in (Opus, Native))
    assert np.corrcoef(ours, native)[0, 1] > 0.95


@pytest.mark.parametrize("mode", ["500", "9600", "256000"])
def test_opus_takes_other_rates(mode: str, speech: Audio) -> None:
    assert len(Opus(mode).decode(Opus(mode).encode(speech))) == len(speech)


@pytest.mark.parametrize("mode", [None, "499", "256001", "6000.0", "6k", "06000", "-6000", "²"])
def test_opus_refuses_what_is_no_rate(mode: str | None) -> None:
    with pytest.raises(UsageError, match="opus"):
        Opus(mode)


@needs_amr
@pytest.mark.parametrize(("mode", "bits"), AMR_BITS.items())
def test_amr_counts_speech_bits_only(mode: str, bits: int, speech: Audio) -> None:
    code = encoded(AmrNb(mode), speech)
    assert code.bits == bits * len(code.packets)
    assert code.bits / code.seconds == pytest.approx(int(mode), rel=1e-12)
    # The frame type in the first byte names the mode, so no frame is silence (SID) or lost.
    assert {packet[0] >> 3 & 15 for packet in code.packets} == {sorted(AMR_BITS, key=int).index(mode)}
    assert {len(packet) for packet in code.packets} == {1 + -(-bits // 8)}


def test_mu_law_is_the_one_of_libsndfile(speech: Audio) -> None:
    narrow = resample(speech, 8000)
    code = encoded(MuLaw(), narrow)
    file = io.BytesIO()
    soundfile.write(file, to_pcm(narrow.samples), 8000, format="RAW", subtype="ULAW")
    sent = np.frombuffer(b"".join(code.packets), np.uint8)[: len(narrow)]
    expected = np.frombuffer(file.getvalue(), np.uint8)
    # Two rounding rules of the same table: next to a decision threshold they may take the neighbour.
    assert np.mean(sent == expected) > 0.9
    assert np.abs(sent.astype(int) - expected.astype(int)).max() <= 1
    decoded, _ = soundfile.read(
        io.BytesIO(b"".join(code.packets)), samplerate=8000, channels=1, format="RAW", subtype="ULAW", dtype="float32"
    )
    assert np.array_equal(MuLaw().decode(code).samples, decoded[: len(narrow)])


def test_g726_at_32_kbit_is_g721(speech: Audio) -> None:
    ours, theirs = (codec.decode(codec.encode(speech)).samples.astype(float) for codec in (G726("32000"), G721()))
    error = np.sum((ours - theirs) ** 2) / np.sum(theirs**2)
    assert 10 * np.log10(error) < -20


def test_a_missing_encoder_is_said_in_one_line() -> None:
    class Absent(AmrNb):
        encoder = "libspeex_of_tomorrow"

    assert "libspeex_of_tomorrow" in str(Absent.unavailable())
    assert "av>=15,<19" in str(Absent.unavailable())


def test_damaged_packets_are_an_error_of_the_codec() -> None:
    code = Bitstream((b"\xff" * 3,), 24, 0.03, samples=240, sample_rate=8000)
    with pytest.raises(CodecError):
        CODECS.get("aac")("16000").decode(code)


def test_the_version_of_the_library_is_part_of_the_address() -> None:
    parts = Opus("6000")._fingerprint_parts()
    assert len(parts["libavcodec"]) == 3
    assert all(name.startswith("libopus") for name in parts["library"])
