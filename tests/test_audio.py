"""Reading, resampling and checking audio, against files whose every sample is known."""

from __future__ import annotations

import gzip
import io
import math
import struct
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from codec_bench.audio import SILENCE_PEAK, Audio, fit, length_at, read_audio, resample, write_wav
from codec_bench.errors import UsageError
from codec_bench.records import NotScorable, Status


def pcm(rate: int, width: int, channels: list[list[int]]) -> bytes:
    """A WAV file of integer samples, written by the standard library, not by the library that reads it."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(width)
        file.setframerate(rate)
        for frame in zip(*channels, strict=True):
            for sample in frame:
                file.writeframes(sample.to_bytes(width, "little", signed=width > 1))
    return buffer.getvalue()


def chirp(rate: int, seconds: float = 1.0) -> NDArray[np.float32]:
    """A tone that rises from 100 Hz to 6 kHz: any shift in time or error in rate shows."""
    t = np.arange(int(rate * seconds)) / rate
    return (0.3 * np.sin(2 * np.pi * (100 * t + (6000 - 100) / (2 * seconds) * t**2))).astype(np.float32)


def encoded(codec: str, container: str, rate: int, channels: NDArray[np.float32]) -> bytes:
    """A file that FFmpeg's encoder made."""
    import av

    buffer = io.BytesIO()
    layout = {1: "mono", 2: "stereo"}[len(channels)]
    with av.open(buffer, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate)
        stream.layout = layout
        stream.bit_rate = 128_000
        frame = av.AudioFrame.from_ndarray(channels, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return buffer.getvalue()


def not_scorable(source: str | Path | bytes) -> NotScorable:
    with pytest.raises(NotScorable) as caught:
        read_audio(source)
    assert "\n" not in caught.value.reason
    return caught.value


# --- reading -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "samples", "expected"),
    [
        (1, [0, 64, 128, 192, 255], [-1, -0.5, 0, 0.5, 127 / 128]),
        (2, [-32768, -16384, 0, 1, 32767], [-1, -0.5, 0, 2**-15, 1 - 2**-15]),
        (3, [-(2**23), -1, 0, 2**22, 2**23 - 1], [-1, -(2**-23), 0, 0.5, 1 - 2**-23]),
        (4, [-(2**31), 2**30, 0, 2**10, 2**29], [-1, 0.5, 0, 2**-21, 0.25]),
    ],
    ids=["8 bit", "16 bit", "24 bit", "32 bit"],
)
@pytest.mark.parametrize("rate", [8_000, 96_000])
def test_integer_samples(width: int, samples: list[int], expected: list[float], rate: int) -> None:
    audio = read_audio(pcm(rate, width, [samples]))
    assert audio.rate == rate
    assert audio.samples.dtype == np.float32
    np.testing.assert_array_equal(audio.samples, np.array(expected, np.float32))


def test_float_samples_keep_what_is_above_full_scale() -> None:
    data = np.array([0.1, -1.5, 2.0], "<f4").tobytes()
    head = b"fmt " + struct.pack("<IHHIIHH", 16, 3, 1, 48_000, 4 * 48_000, 4, 32) + b"data" + struct.pack("<I", 12)
    audio = read_audio(b"RIFF" + struct.pack("<I", 4 + len(head) + 12) + b"WAVE" + head + data)
    np.testing.assert_array_equal(audio.samples, np.array([0.1, -1.5, 2.0], np.float32))
    assert audio.peak == 2.0


def test_channels_are_averaged() -> None:
    stereo = read_audio(pcm(16_000, 2, [[16384, 0, -16384], [0, 16384, 16384]]))
    np.testing.assert_array_equal(stereo.samples, np.array([0.25, 0.25, 0], np.float32))
    three = read_audio(pcm(16_000, 2, [[32767], [32767], [32767]]))
    assert three.samples.tolist() == [1 - 2**-15]


def test_a_path_a_string_and_bytes_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(pcm(22_050, 2, [[1, 2, 3]]))
    for source in (path, str(path), path.read_bytes()):
        audio = read_audio(source)
        assert (audio.rate, (audio.samples * 2**15).tolist()) == (22_050, [1, 2, 3])


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "really_a_wav.mp3"
    path.write_bytes(pcm(16_000, 2, [[5, 6]]))
    assert len(read_audio(path)) == 2


def test_vorbis_which_libsndfile_reads() -> None:
    buffer, tone = io.BytesIO(), chirp(16_000)
    soundfile.write(buffer, tone, 16_000, format="OGG")
    audio = read_audio(buffer.getvalue())
    assert (audio.rate, len(audio)) == (16_000, 16_000)
    assert snr(tone, audio.samples) > 20


@pytest.mark.parametrize(
    ("codec", "container"),
    [("libmp3lame", "mp3"), ("aac", "ipod"), ("libopus", "ogg"), ("libopus", "webm"), ("alac", "ipod")],
    ids=["mp3", "m4a", "opus", "opus in webm", "lossless m4a"],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_compressed_files_come_back_in_time(codec: str, container: str, channels: int) -> None:
    tone = chirp(48_000)
    try:
        data = encoded(codec, container, 48_000, np.stack([tone] * channels))
    except ValueError as error:
        pytest.skip(f"this FFmpeg has no {codec}: {error}")
    audio = read_audio(data)
    assert audio.rate == 48_000
    assert 0 <= len(audio) - 48_000 < 1024  # the last AAC frame is padded
    assert snr(tone, audio.samples) > 15


def snr(expected: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """In dB, without any alignment."""
    error = expected - found[: len(expected)]
    return 10 * math.log10(float(np.sum(expected**2)) / max(float(np.sum(error**2)), 1e-20))


def test_a_real_recording(shared: Path) -> None:
    audio = read_audio(shared / "data" / "audio" / "speech_en" / "jfk-0000.flac")
    assert (audio.rate, len(audio)) == (44_100, 485_100)  # stereo, 11 s
    audio.check()


# --- what cannot be read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello, this is a text\n" * 100,
        b"<!DOCTYPE html><title>404</title>" * 100,
        b"1\n00:00:01,000 --> 00:00:02,000\nFFmpeg takes this for subtitles\n\n",
        bytes(10_000),
        pcm(16_000, 2, [[1] * 100])[:20],
        gzip.compress(pcm(16_000, 2, [[1] * 100])),
        b"\x7fELF\x02\x01\x01" + bytes(9) + np.random.default_rng(0).bytes(20_000),
        b"\xff\xfb" + np.random.default_rng(0).bytes(3000),
    ],
    ids=["nothing", "text", "HTML", "subtitles", "zeros", "half a header", "packed", "a program", "noise"],
)
def test_what_is_no_audio(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    for source in (data, path):
        assert not_scorable(source).status is Status.UNREADABLE
    assert str(path) in not_scorable(path).reason


def test_a_film_without_sound() -> None:
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert not_scorable(buffer.getvalue()).status is Status.UNREADABLE


def test_missing_and_folder(tmp_path: Path) -> None:
    assert not_scorable(tmp_path / "none.wav").status is Status.MISSING
    assert not_scorable(tmp_path).status is Status.UNREADABLE
    assert not_scorable(str(tmp_path / ("n" * 300))).status is Status.UNREADABLE


def test_bytes_have_the_name_they_are_given() -> None:
    with pytest.raises(NotScorable, match="the upload is a file of 0 bytes"):
        read_audio(b"", name="the upload")


# --- what is in it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "status"),
    [
        ([], Status.EMPTY),
        ([0.0, np.nan, 0.1], Status.NOT_FINITE),
        ([np.inf], Status.NOT_FINITE),
        ([0.0, -np.inf], Status.NOT_FINITE),
        ([0.0, -3e38], Status.UNREADABLE),
    ],
)
def test_check(samples: list[float], status: Status) -> None:
    with pytest.raises(NotScorable, match="the decoded signal") as caught:
        Audio(np.array(samples, np.float32), 16_000).check("the decoded signal")
    assert caught.value.status is status


def test_nan_survives_reading_and_is_counted() -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.array([0.1, np.nan, np.inf, 0], np.float32), 16_000, format="WAV", subtype="FLOAT")
    audio = read_audio(buffer.getvalue())
    with pytest.raises(NotScorable, match="2 samples that are NaN or infinite"):
        audio.check()


def test_silence_is_fine_but_known() -> None:
    for level, silent in [
        (0.0, True),
        (1e-42, True),
        (SILENCE_PEAK * 0.99, True),
        (SILENCE_PEAK, False),
        (2.0**-15, False),
    ]:
        audio = Audio(np.array([0, -level, 0], np.float32), 16_000)
        audio.check()
        assert audio.is_silent is silent


def test_level() -> None:
    assert Audio(np.zeros(10, np.float32), 8_000).level_db is None
    assert Audio(np.zeros(0, np.float32), 8_000).level_db is None
    assert Audio(np.full(10, 0.1, np.float32), 8_000).level_db == pytest.approx(-20)
    sine = Audio(np.sin(2 * np.pi * np.arange(8000) / 80).astype(np.float32), 8_000)
    assert sine.level_db == pytest.approx(-3.0103, abs=1e-3)
    assert sine.peak == pytest.approx(1)
    assert sine.seconds == 1.0


@pytest.mark.parametrize(
    ("samples", "rate"),
    [(np.zeros(4), 8_000), (np.zeros((1, 4), np.float32), 8_000), (np.zeros(4, np.float32), 0)],
    ids=["float64", "two axes", "no rate"],
)
def test_what_audio_is_not(samples: NDArray[np.float32], rate: int) -> None:
    with pytest.raises(ValueError, match="not"):
        Audio(samples, rate)


# --- lengths and rates ---------------------------------------------------------------------------------------------

RATES = st.sampled_from([8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000])


@settings(deadline=None)  # machines under load are slow, not wrong
@given(st.integers(0, 10**12), RATES, RATES)
def test_length_is_rounded_half_up_exactly(samples: int, rate: int, new_rate: int) -> None:
    assert length_at(samples, rate, new_rate) == math.floor(Fraction(samples * new_rate, rate) + Fraction(1, 2))
    assert length_at(samples, rate, rate) == samples


@pytest.mark.parametrize(("rate", "new_rate"), [(16_000, 24_000), (48_000, 16_000), (44_100, 16_000), (8_000, 96_000)])
def test_resampling_keeps_a_tone_where_it_is(rate: int, new_rate: int) -> None:
    def tone(at: int) -> NDArray[np.float32]:
        return np.sin(2 * np.pi * 1000 * np.arange(at) / at + 0.3).astype(np.float32)

    out = resample(Audio(tone(rate), rate), new_rate).samples
    inner = slice(new_rate // 10, -new_rate // 10)
    np.testing.assert_allclose(out[inner], tone(new_rate)[inner], atol=1e-4)


def test_what_the_new_rate_cannot_hold_is_gone() -> None:
    high = Audio(np.sin(2 * np.pi * 10_000 * np.arange(48_000) / 48_000).astype(np.float32), 48_000)
    assert np.abs(resample(high, 16_000).samples[1000:-1000]).max() < 1e-4


def test_lengths_after_resampling_and_the_same_rate() -> None:
    audio = Audio(np.zeros(1001, np.float32), 44_100)
    assert [len(resample(audio, rate)) for rate in (8_000, 16_000, 96_000)] == [182, 363, 2179]  # 181.6, 363.2, 2179.05
    assert resample(audio, 44_100) is audio


@settings(deadline=None)
@given(st.integers(0, 20), st.integers(0, 20))
def test_fit(have: int, want: int) -> None:
    out = fit(np.arange(1, have + 1, dtype=np.float32), want)
    assert out.dtype == np.float32
    assert out.tolist() == [float(i + 1) if i < have else 0.0 for i in range(want)]


# --- writing -------------------------------------------------------------------------------------------------------


def test_write_and_read_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.wav"
    samples = np.array([0.1, -1.5, 1e-30, 0.0], np.float32)
    write_wav(path, Audio(samples, 22_050))
    audio = read_audio(path)
    assert audio.rate == 22_050
    np.testing.assert_array_equal(audio.samples, samples)
    assert [p.name for p in path.parent.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("name", ["folder", "file/a.wav"])
def test_what_cannot_be_written_stays_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        write_wav(tmp_path / name, Audio(np.zeros(4, np.float32), 8_000))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
