"""One recording in every container that people bring: what is read is the recording, or the file has a status."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from codec_bench.audio import read_audio, resample
from codec_bench.records import NotScorable, Status
from codec_bench.stopping import whole
from tests.test_audio_headers import LIST, ODD_LIST, riff

RATE = 16_000
SECONDS = 3.57


def _speech_like() -> NDArray[np.float64]:
    """A voice that glides, in syllables: what a coder of speech or music keeps well."""
    time = np.arange(round(SECONDS * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * time)) / RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 20))
    samples = 0.25 * voice * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time)) * np.minimum(1, 20 * time)
    return np.round(np.asarray(samples) * 32767) / 32768


X = _speech_like()
PCM = np.round(X * 32768).astype("<i2").tobytes()


@whole()
def by_soundfile(samples: NDArray[np.float64] = X, rate: int = RATE, container: str = "WAV", **options: Any) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=container, **options)
    return buffer.getvalue()


def by_ffmpeg(codec: str, container: str, rate: int = RATE) -> bytes:
    """Packets without times, as scripts write them: such an MP4 does not say how late its sound begins."""
    with tempfile.NamedTemporaryFile() as file:
        with av.open(file.name, "w", format=container) as out:
            stream = out.add_stream(codec, rate=rate)
            stream.layout = "mono"
            resampler = av.AudioResampler(stream.format, "mono", rate, stream.frame_size or 1024)
            frame = av.AudioFrame.from_ndarray((X * 32767).astype("<i2")[None], "s16", "mono")
            frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                out.mux(stream.encode(piece))
            out.mux(stream.encode(None))
        return file.read()


def later(samples: int, *, is_longer: bool = False) -> NDArray[np.float64]:
    delayed = np.concatenate([np.zeros(samples), X])
    return delayed if is_longer else delayed[: len(X)]


def damaged(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(range(1, 41)) + data[middle + 40 :]


@dataclass(frozen=True)
class Outcome:
    """What is read: the recording by a factor, so many samples late, with errors so many dB below it."""

    snr: float = 200.0
    gain: float = 1.0
    lag: int = 0
    extra: tuple[int, int] = (0, 0)
    """Samples more than the recording has at 16 kHz, at least and at most."""


EXACT = Outcome()
LATE = Outcome(25, lag=1024, extra=(1024, 2048))
"""AAC whose file does not say that it begins 1,024 samples late; a run warns of the lag."""

FLOAT = {"subtype": "FLOAT"}

READ: dict[str, tuple[Callable[[], bytes], Outcome]] = {
    "WAV, sizes 2^32 - 1": (lambda: riff(PCM, 0xFFFFFFFF, 0xFFFFFFFF), EXACT),
    "WAV, sizes 0": (lambda: riff(PCM, 0, 0), EXACT),
    "WAV, sizes 2^31 - 1": (lambda: riff(PCM, 0x7FFFFFFF - 36, 0x7FFFFFFF), EXACT),
    "WAV, list before": (lambda: riff(PCM, before=LIST), EXACT),
    "WAV, list of odd size": (lambda: riff(PCM, before=ODD_LIST), EXACT),
    "WAV, list behind": (lambda: riff(PCM, after=b"LIST\4\0\0\0INFO"), EXACT),
    "WAV, junk behind": (lambda: riff(PCM) + b"ID3" + b"x" * 128, EXACT),
    "WAV, a byte missing": (lambda: riff(PCM)[:-1], Outcome(extra=(-1, -1))),
    "WAV, extensible": (lambda: by_soundfile(container="WAVEX", subtype="PCM_16"), EXACT),
    "WAV, 24 bits": (lambda: by_soundfile(subtype="PCM_24"), EXACT),
    "WAV, 32 bits": (lambda: by_soundfile(subtype="PCM_32"), EXACT),
    "WAV, doubles": (lambda: by_soundfile(subtype="DOUBLE"), EXACT),
    "RF64": (lambda: by_soundfile(container="RF64", subtype="PCM_16"), EXACT),
    "WAV, 8 bits": (lambda: by_soundfile(subtype="PCM_U8"), Outcome(25)),
    "WAV, A-law": (lambda: by_soundfile(subtype="ALAW"), Outcome(30)),
    "WAV, mu-law": (lambda: by_soundfile(subtype="ULAW"), Outcome(30)),
    "WAV, ADPCM": (lambda: by_soundfile(subtype="MS_ADPCM"), Outcome(15, extra=(0, 1024))),
    "floats in the scale of 16 bits": (lambda: by_soundfile(X * 32768, **FLOAT), Outcome(gain=32768)),
    "floats above full scale": (lambda: by_soundfile(X * 3, **FLOAT), Outcome(120, gain=3)),
    "an offset": (lambda: by_soundfile(X * 0.5 + 0.3, **FLOAT), Outcome(-15, gain=0.5)),
    "upside down": (lambda: by_soundfile(-X, **FLOAT), Outcome(gain=-1)),
    "60 dB quieter, 16 bits": (lambda: by_soundfile(X * 1e-3, subtype="PCM_16"), Outcome(10, gain=1e-3)),
    "stereo, one upside down": (lambda: by_soundfile(np.stack([X, -X], 1)), Outcome(gain=0)),
    "stereo, one empty": (lambda: by_soundfile(np.stack([X, 0 * X], 1)), Outcome(gain=0.5)),
    "MP3 by libsndfile": (lambda: by_soundfile(container="MP3"), Outcome(15)),
    "Vorbis": (lambda: by_soundfile(container="OGG", subtype="VORBIS"), Outcome(15)),
    "Opus": (lambda: by_soundfile(container="OGG", subtype="OPUS"), Outcome(10)),
    "FLAC": (lambda: by_soundfile(container="FLAC"), EXACT),
    "AIFF": (lambda: by_soundfile(container="AIFF"), EXACT),
    "AAC in MP4 without times": (lambda: by_ffmpeg("aac", "ipod"), LATE),
    "AAC in ADTS": (lambda: by_ffmpeg("aac", "adts"), LATE),
    "MP3 by LAME": (lambda: by_ffmpeg("libmp3lame", "mp3"), Outcome(10)),
    "MP3 by LAME at 44.1 kHz": (lambda: by_ffmpeg("libmp3lame", "mp3", 44_100), Outcome(15)),
    **{
        f"{rate} Hz": (
            lambda rate=rate: by_soundfile(soxr.resample(X, RATE, rate, quality="VHQ"), rate, **FLOAT),  # type: ignore[misc]
            Outcome(10 if rate < RATE else 50),
        )
        for rate in (8_000, 11_025, 22_050, 44_100, 48_000, 96_000)
    },
    **{
        f"{ms} ms late": (
            lambda ms=ms: by_soundfile(later(16 * ms), **FLOAT),  # type: ignore[misc]
            Outcome(lag=16 * ms),
        )
        for ms in (1, 3, 10, 50)
    },
    "200 ms of silence before": (
        lambda: by_soundfile(later(3200, is_longer=True)),
        Outcome(lag=3200, extra=(3200, 3200)),
    ),
}

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "WAV, half of it": (lambda: riff(PCM)[: 44 + len(PCM) // 2], r"incomplete: it holds 1\.78 s of the 3\.57 s"),
    "WAV, 5 % missing": (lambda: riff(PCM)[: 44 + int(len(PCM) * 0.95) // 2 * 2], r"holds 3\.39 s of the 3\.57 s"),
    "FLAC, cut short": (lambda: by_soundfile(container="FLAC")[:-4000], "damaged or incomplete"),
    "FLAC, 40 bytes overwritten": (lambda: damaged(by_soundfile(container="FLAC")), "damaged or incomplete"),
    "a file of Finder": (lambda: b"\0\5\x16\7" * 20, "its format is not recognised"),
}


@pytest.mark.parametrize("kind", READ)
def test_a_container_gives_the_recording(kind: str):
    make, wanted = READ[kind]
    found = resample(read_audio(make()), RATE).samples.astype(np.float64)
    least, most = wanted.extra
    assert least <= len(found) - len(X) <= most
    count = min(len(X), len(found) - wanted.lag)
    expected, heard = X[:count], found[wanted.lag : wanted.lag + count]
    power = np.sum(np.square(expected))
    gain = float(heard @ expected / power)
    assert gain == pytest.approx(wanted.gain, rel=0.06, abs=1e-9)
    if gain:
        error = np.sum(np.square(heard - gain * expected)) + 1e-30
        assert 10 * np.log10(gain**2 * power / error) > wanted.snr


@pytest.mark.parametrize("kind", REFUSED)
def test_a_container_that_lacks_a_part_has_a_status(kind: str):
    make, reason = REFUSED[kind]
    with pytest.raises(NotScorable, match=reason) as caught:
        read_audio(make(), "the file")
    assert caught.value.status is Status.UNREADABLE
