"""Manifests written by Lhotse itself."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lhotse import AudioSource, CutSet, MonoCut, Recording, RecordingSet, SupervisionSegment, SupervisionSet

from codec_bench.datasets.demo_set import Demo
from codec_bench.datasets.lhotse_cuts import LhotseCuts
from codec_bench.datasets.loading import load_dataset
from codec_bench.errors import UsageError

PATH = next(Demo().utterances()).path
"""3.57 s at 16 kHz."""

RECORDING = Recording.from_file(PATH, recording_id="r1")


def said(name: str, start: float, duration: float, **fields: object) -> SupervisionSegment:
    return SupervisionSegment(name, "r1", start, duration, **fields)


def cut(name: str, start: float = 0, duration: float = 3.57, channel: int = 0, **fields: object) -> MonoCut:
    return MonoCut(name, start, duration, channel, **{"recording": RECORDING} | fields)


def saved(folder: Path, *cuts: object) -> Path:
    path = folder / "cuts.jsonl.gz"
    CutSet.from_cuts(cuts).to_file(path)
    return path


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        list(load_dataset(f"lhotse:{path}").utterances())
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def stereo(tmp_path: Path) -> Recording:
    soundfile.write(tmp_path / "stereo.wav", np.random.default_rng(1).uniform(-1, 1, (8000, 2)), 8000, subtype="PCM_16")
    return Recording.from_file(tmp_path / "stereo.wav")


def test_cuts_hold_the_samples_that_lhotse_loads(tmp_path: Path, stereo: Recording) -> None:
    cuts = [
        cut("whole"),
        cut("middle", 1.5, 0.75),
        cut("odd", 0.29, 1.0 / 3),
        cut("end", 3.0, 0.57),
        cut("left", 0, 1.0, 0, recording=stereo),
        cut("right", 0.25, 0.5, 1, recording=stereo),
    ]
    found = list(load_dataset(f"lhotse:{saved(tmp_path, *cuts)}").utterances())
    assert [u.id for u in found] == [c.id for c in cuts]
    assert found[0].path == PATH
    for utterance, expected in zip(found, cuts, strict=True):
        samples, _ = soundfile.read(utterance.path, dtype="float32")
        assert np.array_equal(samples, expected.load_audio()[0]), utterance.id
        assert utterance.duration == expected.duration


def test_what_supervisions_say(tmp_path: Path) -> None:
    second = said("s2", 2.0, 1.0, text="there", speaker="anna", language="en-US", gender="F", custom={"mood": "glad"})
    first = said("s1", 0.5, 1.0, text="hello ", speaker="anna", language="en-US", gender="F", custom={"mood": "sad"})
    other = said("s3", 0, 1.0, text="you", speaker="bert", language="English")
    elvish = said("s4", 0, 1.0, language="Elvish")
    path = saved(
        tmp_path,
        cut("a", supervisions=[second, first], custom={"snr": 12.5, "list": [1, 2], "kept": True, "mood": "mixed"}),
        cut("b", supervisions=[other]),
        cut("c", supervisions=[first, other]),
        cut("d"),
        cut("e", supervisions=[elvish]),
    )
    a, b, c, d, e = LhotseCuts(path).utterances()
    assert (a.text, a.speaker, a.language) == ("hello there", "anna", "en")
    assert a.labels == {"gender": "F", "mood": "mixed", "snr": "12.5", "kept": "True"}
    assert (b.text, b.speaker, b.language, b.labels) == ("you", "bert", "en", {})
    assert (c.text, c.speaker, c.language) == ("you hello", None, "en")
    assert (d.text, d.speaker, d.language, d.labels) == (None, None, None, {})
    assert (e.language, e.labels) == (None, {"language": "Elvish"})


@pytest.mark.parametrize("prefix", ["", "corpus_"])
def test_recordings_with_supervisions(tmp_path: Path, prefix: str) -> None:
    RecordingSet.from_recordings([RECORDING]).to_file(tmp_path / f"{prefix}recordings.jsonl.gz")
    items = [said("s2", 1.5, 0.75, text="b", speaker="x"), said("s1", 0, 3.57, text="a")]
    SupervisionSet.from_segments(items).to_file(tmp_path / f"{prefix}supervisions.jsonl.gz")
    two, one = load_dataset(f"lhotse:{tmp_path}").utterances()
    assert (two.id, two.text, two.speaker) == ("s2", "b", "x")
    assert np.array_equal(soundfile.read(two.path)[0], soundfile.read(PATH)[0][24_000:36_000])
    assert (one.id, one.path, one.text) == ("s1", PATH, "a")


def test_recordings_alone(tmp_path: Path) -> None:
    RecordingSet.from_recordings([RECORDING]).to_file(tmp_path / "recordings.jsonl.gz")
    (found,) = load_dataset(f"lhotse:{tmp_path}").utterances()
    assert (found.id, found.path, found.text, found.duration) == ("r1", PATH, None, 3.57)


def test_where_relative_paths_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "voice.flac").write_bytes(PATH.read_bytes())
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path, cut("a", recording=Recording.from_file("voice.flac")))
    for folder, options in ((tmp_path, {}), (Path("/"), {}), (Path("/"), {"audio_root": tmp_path})):
        monkeypatch.chdir(folder)
        (found,) = load_dataset(f"lhotse:{path}", **options).utterances()
        assert found.path.resolve() == tmp_path / "voice.flac"
    with pytest.raises(UsageError, match="--audio-root"):
        load_dataset(f"lhotse:{path}", audio_root="/").utterances()


def test_commands_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = Recording("r", [AudioSource("command", [0], f"touch {tmp_path}/trace; cat {PATH}")], 16_000, 57_120, 3.57)
    assert "'a' has a recording that is not a single file (command): save the audio" in refused(
        saved(tmp_path, cut("a", recording=command))
    )
    monkeypatch.chdir(tmp_path)
    name = "pipe:touch trace;echo .jsonl"
    (tmp_path / name).write_text("")
    assert "is empty" in refused(Path(name))
    assert not (tmp_path / "trace").exists()


def test_what_is_refused(tmp_path: Path, stereo: Recording) -> None:
    whole = cut("a")
    assert "a MixedCut, not a MonoCut" in refused(saved(tmp_path, whole.pad(duration=5)))
    assert "has a recording with transforms" in refused(saved(tmp_path, whole.perturb_speed(1.1)))
    assert "'a' cannot be an id: it already appeared" in refused(saved(tmp_path, whole, whole))
    assert "'x/y' cannot be an id" in refused(saved(tmp_path, cut("x/y")))
    assert "without channel 3" in refused(saved(tmp_path, cut("a", 0, 1.0, 3, recording=stereo)))
    path = tmp_path / "recordings.jsonl.gz"
    RecordingSet.from_recordings([RECORDING]).to_file(path)
    assert "a Recording, not a MonoCut" in refused(path)
    with gzip.open(path, "wt") as file:
        file.write('{"id": "a"}\nno json\n')
    assert "no manifest of Lhotse" in refused(path)
    path.write_bytes(path.read_bytes()[:20])
    assert "no manifest of Lhotse" in refused(path)
    path.unlink()
    assert "holds no recordings" in refused(tmp_path)
    assert "those end with" in refused(PATH)
    assert "there is no file or folder" in refused(tmp_path / "none.jsonl.gz")


def test_a_part_that_is_not_there_costs_only_itself(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "short.wav", np.zeros(16_000), 16_000, subtype="PCM_16")
    recording = Recording.from_file(tmp_path / "short.wav")
    path = saved(tmp_path, cut("a", 0.5, 0.4, recording=recording), cut("b"))
    soundfile.write(tmp_path / "short.wav", np.zeros(4000), 16_000, subtype="PCM_16")
    dataset = LhotseCuts(path)
    assert [u.path.is_file() for u in dataset.utterances()] == [False, True]
    assert "the first is a" in dataset.notes()[0]
