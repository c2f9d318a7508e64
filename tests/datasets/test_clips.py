"""Parts of recordings as files of their own."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from codec_bench.audio import read_audio
from codec_bench.datasets.clips import Clips, clip, source_path, write_clip
from codec_bench.errors import UsageError
from codec_bench.hub import home
from codec_bench.records import NotScorable, Status

RATE = 16_000


def noise(seconds: float = 2.0, channels: int = 1) -> NDArray[np.float32]:
    samples = np.random.default_rng(7).uniform(-0.9, 0.9, (int(seconds * RATE), channels))
    return samples.astype(np.float32)


def recording(folder: Path, name: str, samples: NDArray[np.float32], **form: str) -> Path:
    soundfile.write(folder / name, samples, RATE, **form)
    return folder / name


@pytest.mark.parametrize(
    ("name", "form", "made"),
    [
        ("a.wav", {"subtype": "PCM_16"}, ("FLAC", "PCM_16")),
        ("a.flac", {"subtype": "PCM_16"}, ("FLAC", "PCM_16")),
        ("a.flac", {"subtype": "PCM_24"}, ("WAV", "FLOAT")),
        ("a.wav", {"subtype": "FLOAT"}, ("WAV", "FLOAT")),
        ("a.wav", {"subtype": "ULAW"}, ("WAV", "FLOAT")),
        ("a.wav", {"subtype": "MS_ADPCM"}, ("WAV", "FLOAT")),
        ("a.ogg", {"subtype": "VORBIS"}, ("WAV", "FLOAT")),
        ("a.mp3", {}, ("WAV", "FLOAT")),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_part_holds_the_samples_of_the_whole(
    tmp_path: Path, name: str, form: dict[str, str], made: tuple[str, str], channels: int
) -> None:
    source = recording(tmp_path, name, noise(channels=channels), **form)
    whole, _ = soundfile.read(source, dtype="float32", always_2d=True)
    part = clip(source, 0.25, 1.5, tmp_path / "clips", "u1")
    samples, rate = soundfile.read(part, dtype="float32", always_2d=True)
    assert rate == RATE
    assert np.array_equal(samples, whole[4000:24_000])
    info = soundfile.info(part)
    assert (info.format, info.subtype) == made


def test_a_format_that_only_pyav_knows(tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(noise().T.copy(), format="fltp", layout="mono")
        frame.sample_rate = RATE
        container.mux([*stream.encode(frame), *stream.encode(None)])
    part = clip(path, 0.5, 1.0, tmp_path, "u")
    assert np.array_equal(read_audio(part).samples, read_audio(path).samples[8000:16_000])
    with pytest.raises(NotScorable, match="told apart"):
        clip(path, 0.5, 1.0, tmp_path, "u", channel=0)


def test_one_channel(tmp_path: Path) -> None:
    source = recording(tmp_path, "a.wav", noise(channels=2), subtype="PCM_16")
    whole, _ = soundfile.read(source, dtype="int16")
    for channel in (0, 1):
        samples, _ = soundfile.read(clip(source, 0, None, tmp_path, "u", channel), dtype="int16")
        assert np.array_equal(samples, whole[:, channel])
    with pytest.raises(NotScorable, match="no channel 2: it has 2"):
        clip(source, 0, None, tmp_path, "u", channel=2)


def test_many_channels_do_not_fit_into_flac(tmp_path: Path) -> None:
    source = recording(tmp_path, "a.wav", noise(0.1, channels=9), subtype="PCM_16")
    whole, _ = soundfile.read(source, dtype="float32")
    samples, _ = soundfile.read(clip(source, 0, None, tmp_path, "u"), dtype="float32")
    assert np.array_equal(samples, whole)


@pytest.mark.parametrize("end", [None, 2.0, 2.49])
def test_to_the_end_and_a_little_over_it(tmp_path: Path, end: float | None) -> None:
    source = recording(tmp_path, "a.wav", noise(), subtype="PCM_16")
    assert soundfile.info(clip(source, 1.75, end, tmp_path, "u")).frames == 4000


@pytest.mark.parametrize(("start", "end"), [(0, 2.5), (0, 2.6), (2.0, None), (3.0, None), (1.0, 1.00001), (-1, 1)])
def test_no_such_part(tmp_path: Path, start: float, end: float | None) -> None:
    source = recording(tmp_path, "a.wav", noise(), subtype="PCM_16")
    with pytest.raises(NotScorable, match="lasts 2 s"):
        clip(source, start, end, tmp_path / "clips", "u")
    assert not (tmp_path / "clips").exists()


def test_made_once_and_anew_when_something_changes(tmp_path: Path) -> None:
    source = recording(tmp_path, "a.wav", noise(), subtype="PCM_16")
    first = clip(source, 0, 1, tmp_path, "u")
    state = first.stat()
    assert clip(source, 0.0, 1.0, tmp_path, "u") == first
    assert first.stat().st_mtime_ns == state.st_mtime_ns
    assert clip(source, 0, 1.5, tmp_path, "u") != first
    recording(tmp_path, "a.wav", -noise(), subtype="PCM_16")
    changed = clip(source, 0, 1, tmp_path, "u")
    assert changed != first
    assert np.allclose(read_audio(changed).samples, -read_audio(first).samples, atol=2**-15)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotScorable) as missing:
        clip(tmp_path / "none.wav", 0, 1, tmp_path, "u")
    assert missing.value.status is Status.MISSING
    (tmp_path / "text.wav").write_text("this is no audio")
    with pytest.raises(NotScorable) as broken:
        clip(tmp_path / "text.wav", 0, 1, tmp_path, "u")
    assert broken.value.status is Status.UNREADABLE


def test_a_set_says_what_it_lacks_and_goes_on(tmp_path: Path) -> None:
    source = recording(tmp_path, "a.wav", noise(), subtype="PCM_16")
    clips = Clips("my set/1")
    made = clips.cut(source, 0, 1, "u1")
    assert made.parent == home() / "datasets" / "clips" / "my-set-1"
    assert clips.cut(tmp_path / "none.wav", 0, 1, "u2") == tmp_path / "none.wav"
    assert clips.notes() == []
    absent = clips.cut(source, 5, 6, "u3")
    with pytest.raises(NotScorable) as caught:
        read_audio(absent)
    assert caught.value.status is Status.MISSING
    (note,) = clips.notes()
    assert "1 utterances have no audio; the first is u3" in note


def test_bytes_stay_as_they_are(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, noise(), RATE, format="FLAC")
    data = buffer.getvalue()
    paths = [write_clip(data, tmp_path, "u", suffix) for suffix in (".flac", ".FLAC", "", ".exe")]
    assert len(set(paths)) == 1
    assert paths[0].suffix == ".flac"
    assert paths[0].read_bytes() == data
    assert write_clip(data + b"0", tmp_path, "u") != paths[0]


def test_the_first_root_that_has_a_path(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    (two / "a.wav").touch()
    assert source_path("a.wav", one, two) == two / "a.wav"
    assert source_path("b.wav", one, two) == one / "b.wav"
    assert source_path(str(two / "a.wav"), one) == two / "a.wav"
    for wrong in ("", "a\0.wav"):
        with pytest.raises(UsageError, match="is not a path"):
            source_path(wrong, one)
