"""Systems whose audio exists already."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from codec_bench.adapters import Group
from codec_bench.adapters.prepared import DecodedFiles, GroundTruth
from codec_bench.datasets.manifest import Folder
from codec_bench.errors import UsageError
from codec_bench.records import NotScorable, Status, Utterance


def utterance(name: str) -> Utterance:
    return Utterance(name, Path("/recordings") / f"{name}.wav")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "1089" / "134686").mkdir(parents=True)
    for name in ["a.wav", "b.FLAC", "1089/134686/c.d.opus", "notes.txt"]:
        (tmp_path / name).touch()
    return tmp_path


def test_ground_truth_is_the_recording() -> None:
    system = GroundTruth()
    assert GroundTruth.name == "ground-truth"
    assert system.spec.group is Group.REFERENCE
    assert system.path(utterance("a")) == Path("/recordings/a.wav")
    assert system.stated_bitrate is None
    assert system.spec.bitrate() is None
    assert system.spec.frame_rate is None


def test_files_of_any_suffix_at_any_depth(folder: Path) -> None:
    system = DecodedFiles(folder)
    assert system.path(utterance("a")) == folder / "a.wav"
    assert system.path(utterance("b")) == folder / "b.FLAC"
    assert system.path(utterance("c.d")) == folder / "1089" / "134686" / "c.d.opus"
    assert system.path(utterance("1089__134686__c.d")) == folder / "1089" / "134686" / "c.d.opus"
    assert system.ids == {"a", "__a", "b", "__b", "c.d", "1089__134686__c.d"}


@pytest.mark.parametrize("name", ["x", "c", "A", "a.wav", "notes", "../a", ""])
def test_no_file(folder: Path, name: str) -> None:
    with pytest.raises(NotScorable) as caught:
        DecodedFiles(folder).path(utterance(name))
    assert caught.value.status is Status.MISSING
    assert str(folder) in caught.value.reason


def test_files_of_one_stem_in_two_folders_are_told_apart_by_their_paths(folder: Path) -> None:
    (folder / "1089" / "a.wav").touch()
    system = DecodedFiles(folder)
    assert system.path(utterance("__a")) == folder / "a.wav"
    assert system.path(utterance("1089__a")) == folder / "1089" / "a.wav"
    with pytest.raises(
        NotScorable,
        match=r"^a could be 1089/a.wav or a.wav of .* or call the file 1089__a or __a$",
    ):
        system.path(utterance("a"))
    assert system.path(utterance("b")) == folder / "b.FLAC"
    assert system.ids == {"__a", "1089__a", "b", "__b", "1089__134686__c.d"}


def test_two_files_for_one_utterance(folder: Path) -> None:
    (folder / "a.flac").touch()
    with pytest.raises(UsageError) as caught:
        DecodedFiles(folder)
    assert str(folder / "a.wav") in str(caught.value)
    assert str(folder / "a.flac") in str(caught.value)


def test_no_folder_no_audio(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        DecodedFiles(tmp_path / "none")
    with pytest.raises(UsageError, match="no audio file"):
        DecodedFiles(tmp_path)


def test_names_and_bitrates(folder: Path) -> None:
    plain = DecodedFiles(str(folder))
    assert (plain.name, plain.stated_bitrate, plain.spec.group) == (f"files:{folder}", None, Group.ACOUSTIC)
    named = DecodedFiles(folder, name="LLM-Codec", bitrate_kbps=0.85, group="semantic")
    assert (named.name, named.spec.title, named.spec.group) == ("LLM-Codec", "LLM-Codec", Group.SEMANTIC)
    assert named.stated_bitrate == pytest.approx(850)


@pytest.mark.parametrize("bitrate", [0, -1, float("nan"), float("inf")])
def test_no_such_bitrate(folder: Path, bitrate: float) -> None:
    with pytest.raises(UsageError, match="positive number of kbit/s"):
        DecodedFiles(folder, bitrate_kbps=bitrate)


def test_no_such_group(folder: Path) -> None:
    with pytest.raises(UsageError, match="unknown group 'sematic'; did you mean 'semantic'"):
        DecodedFiles(folder, group="sematic")


def test_neither_folder_nor_name_is_part_of_the_address(folder: Path) -> None:
    assert DecodedFiles(folder).fingerprint == DecodedFiles(folder / "1089", name="x", bitrate_kbps=1).fingerprint
    assert DecodedFiles(folder).fingerprint != GroundTruth().fingerprint


def test_the_folder_is_searched_once(folder: Path) -> None:
    system = DecodedFiles(folder)
    (folder / "late.wav").touch()
    (folder / "a.flac").touch()
    assert "late" not in system.ids
    assert system.path(utterance("a")) == folder / "a.wav"


def test_it_goes_to_another_process(folder: Path) -> None:
    copy = pickle.loads(pickle.dumps(DecodedFiles(folder, name="x")))
    assert (copy.name, copy.path(utterance("a"))) == ("x", folder / "a.wav")


def test_real_reconstructions_join_the_real_recordings(shared: Path) -> None:
    pairs = shared / "data" / "testB_pairs"
    recordings = list(Folder(pairs / "GT").utterances())
    system = DecodedFiles(pairs / "LLM-Codec")
    joined = {u.id: system.path(u) for u in recordings if u.id in system.ids}
    assert (len(recordings), len(joined)) == (32, 30)
    assert all(path.parent.name == "LLM-Codec" and path.stem == name for name, path in joined.items())
