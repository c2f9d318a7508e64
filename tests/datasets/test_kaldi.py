"""Kaldi data directories."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec_bench.audio import read_audio
from codec_bench.datasets.demo_set import Demo
from codec_bench.datasets.kaldi import KaldiDir
from codec_bench.datasets.loading import load_dataset
from codec_bench.errors import UsageError
from codec_bench.records import Utterance

RECORDING = next(Demo().utterances()).path
"""3.57 s at 16 kHz."""


def directory(folder: Path, **lists: str | bytes) -> Path:
    """A data directory; `wav_scp` stands for `wav.scp`."""
    path = folder / "test"
    path.mkdir(exist_ok=True)
    for name, content in lists.items():
        data = content.encode() if isinstance(content, str) else content
        (path / name.replace("_", ".")).write_bytes(data)
    return path


def refused(path: Path, **options: Path) -> str:
    with pytest.raises(UsageError) as caught:
        list(KaldiDir(path, **options).utterances())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_recordings_with_all_lists(tmp_path: Path) -> None:
    path = directory(
        tmp_path,
        wav_scp=f"b-1 {RECORDING}\n\na-1\t{RECORDING}\r\n",
        text="a-1  hello  there \nz-9 of nobody\nb-1\n",
        utt2spk="a-1 a\nb-1 b\nz-9 z\n",
        utt2dur="a-1 3.57\n",
        utt2lang="a-1 en\n",
        spk2gender="a f\n",
    )
    dataset = load_dataset(f"kaldi:{path}")
    assert isinstance(dataset, KaldiDir)
    assert dataset.name == "test"
    assert list(dataset.utterances()) == [
        Utterance("b-1", RECORDING, None, "b"),
        Utterance("a-1", RECORDING, "hello  there", "a", duration=3.57),
    ]
    assert dataset.notes() == []


def test_segments_are_the_samples_of_their_recordings(tmp_path: Path) -> None:
    stereo = tmp_path / "stereo.wav"
    soundfile.write(stereo, np.random.default_rng(1).uniform(-1, 1, (8000, 2)), 8000, subtype="PCM_16")
    path = directory(
        tmp_path,
        wav_scp=f"r1 {RECORDING}\nr2 {stereo}\n",
        segments="s2 r1 1.5 2.25\ns1 r1 0.29 0.58\ns3 r1 3.0 -1\ns4 r2 0 0.5 1\ns5 r2 0 -1\ns6 r1 3.0 3.9\n",
        text="s1 one\nr1 not of a segment\n",
    )
    found = {u.id: u for u in KaldiDir(path).utterances()}
    assert list(found) == ["s2", "s1", "s3", "s4", "s5", "s6"]
    whole, _ = soundfile.read(RECORDING, dtype="int16")
    two, _ = soundfile.read(stereo, dtype="int16")
    expected = {"s2": whole[24_000:36_000], "s1": whole[4640:9280], "s3": whole[48_000:], "s4": two[:4000, 1]}
    for id_, samples in (expected | {"s5": two, "s6": whole[48_000:]}).items():
        assert np.array_equal(soundfile.read(found[id_].path, dtype="int16")[0], samples), id_
    assert found["s5"].path == stereo
    assert [u.text for u in found.values()] == [None, "one", None, None, None, None]
    assert found["s2"].duration == 0.75
    assert found["s3"].duration is None


def test_one_bad_segment_costs_only_itself(tmp_path: Path) -> None:
    path = directory(tmp_path, wav_scp=f"r {RECORDING}\nq none.wav\n", segments="a r 3 9\nb q 0 1\nc r 0 1\n")
    dataset = KaldiDir(path)
    found = {u.id: u.path for u in dataset.utterances()}
    assert [p.is_file() for p in found.values()] == [False, False, True]
    assert found["b"].name == "none.wav"
    assert len(read_audio(found["c"])) == 16_000
    (note,) = dataset.notes()
    assert "1 utterances have no audio; the first is a: " in note
    assert "lasts 3.57 s" in note


def test_where_relative_paths_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = directory(tmp_path, wav_scp="a voice.flac\n")
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (path, here, there):
        folder.mkdir(exist_ok=True)
        (folder / "voice.flac").write_bytes(RECORDING.read_bytes())
    monkeypatch.chdir(here)

    def found(**options: Path) -> Path:
        return next(load_dataset(path, **options).utterances()).path.resolve()

    assert found() == here / "voice.flac"
    assert found(audio_root=there) == there / "voice.flac"
    monkeypatch.chdir(tmp_path)
    assert found() == path / "voice.flac"


def test_commands_are_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    path = directory(tmp_path, wav_scp=f"a {RECORDING}\nb touch {trace}; cat {RECORDING} |\n")
    message = refused(path)
    assert "line 2" in message
    assert "commands are not run" in message
    assert not trace.exists()


@pytest.mark.parametrize(
    ("lists", "says"),
    [
        ({"wav_scp": ""}, "is empty"),
        ({"wav_scp": "a\n"}, "line 1: '' is not a path"),
        ({"wav_scp": "a none.wav\n"}, "--audio-root"),
        ({"wav_scp": f"a {RECORDING}\nb all.ark:1234\n"}, "line 2: 'all.ark:1234' is a place in an archive"),
        ({"wav_scp": f"a {RECORDING}\nb x.wav\na {RECORDING}\n"}, "line 3: 'a' already appeared in line 1"),
        ({"wav_scp": f"../a {RECORDING}\n"}, "'../a' cannot be an id: it begins with a dot"),
        ({"wav_scp": b"a \xff.wav\n"}, "line 1: not UTF-8 text"),
        ({"text": b"a hi\nb \xff\n"}, "text, line 2: not UTF-8 text"),
        ({"text": "a hi\na ho\n"}, "text, line 2: 'a' already appeared"),
        ({"utt2dur": "a long\n"}, "utt2dur, line 1: 'long' is not a number"),
        ({"utt2dur": "a -1\n"}, "utt2dur, line 1: '-1' is not a number"),
        ({"segments": ""}, "segments is empty"),
        ({"segments": "s a 0\n"}, "line 1: a segment is"),
        ({"segments": "s q 0 1\n"}, "line 1: the recording 'q' is not in wav.scp"),
        ({"segments": "s a 1 1\n"}, "line 1: there is nothing from 1 s to 1 s"),
        ({"segments": "s a -1 1\n"}, "nothing from -1 s"),
        ({"segments": "s a 0 nan\n"}, "'nan' is not a number"),
        ({"segments": "s a 0 1 left\n"}, "'left' is not a channel"),
        ({"segments": "s a 0 1\ns a 1 2\n"}, "line 2: 's' already appeared"),
        ({"segments": "s/1 a 0 1\n"}, "segments, line 1: 's/1' cannot be an id"),
    ],
)
def test_what_is_refused(tmp_path: Path, lists: dict[str, str | bytes], says: str) -> None:
    assert says in refused(directory(tmp_path, **{"wav_scp": f"a {RECORDING}\n"} | lists))


def test_an_id_of_a_recording_need_be_no_file_name(tmp_path: Path) -> None:
    path = directory(tmp_path, wav_scp=f"disc/1 {RECORDING}\n", segments="s1 disc/1 0 1\n")
    assert [u.id for u in KaldiDir(path).utterances()] == ["s1"]
