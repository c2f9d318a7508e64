"""AISHELL-1, from an archive of archives as OpenSLR packs it."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from codec_bench.datasets.aishell import TRANSCRIPT, Aishell1, Aishell1Test
from codec_bench.datasets.corpus import Count
from codec_bench.errors import UnavailableError
from codec_bench.hub import home
from tests.datasets.material import lay_out, manifest_rows, mirror, tarred

SPEAKERS = {"S0002": "train", "S0724": "dev", "S0764": "test", "S0916": "test"}
LINES = {
    "BAC009S0002W0122": "而 对 楼市 成交 抑制 作用 最 大 的 限 购",
    "BAC009S0724W0121": "广州市 房地产 中介 协会 分析",
    "BAC009S0764W0121": "甚至 出现 交易 几乎 停滞 的 情况",
    "BAC009S0916W0495": "他 说",
}


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror with the archive, whose recordings are four with text and one of training without."""
    corpus = tmp_path / "packing" / "data_aishell"
    (corpus / "wav").mkdir(parents=True)
    (corpus / TRANSCRIPT).parent.mkdir()
    (corpus / TRANSCRIPT).write_text("".join(f"{id_} {words} \n" for id_, words in LINES.items()), encoding="utf-8")
    for speaker, split in SPEAKERS.items():
        folder = tmp_path / "packing" / "inner" / split / speaker
        folder.mkdir(parents=True)
        for id_ in [id_ for id_ in LINES if speaker in id_]:
            (folder / f"{id_}.wav").write_bytes(id_.encode())
        if split == "train":
            (folder / f"BAC009{speaker}W0999.wav").touch()
        with tarfile.open(corpus / "wav" / f"{speaker}.tar.gz", "w:gz") as tar:
            tar.add(folder, f"./{split}/{speaker}")
    archive = tarred(tmp_path / "mirror" / "datasets" / "data_aishell.tgz", corpus)
    mirror(monkeypatch, Aishell1, archive)
    monkeypatch.setattr(Aishell1, "expected", Count(5, 4))
    monkeypatch.setattr(Aishell1Test, "expected", Count(2, 2))
    return archive


def test_both_layers_are_unpacked(archive: Path) -> None:
    left = home() / "datasets" / ".data_aishell" / "data_aishell" / "wav" / "S0001.tar.gz"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"what a killed process left")
    data = Aishell1()
    data.fetch()
    found = list(data.utterances())
    assert [u.labels["split"] for u in found] == ["train", "train", "dev", "test", "test"]
    assert {u.id: u.text for u in found if u.text} == {id_: "".join(line.split()) for id_, line in LINES.items()}
    assert [u.id for u in found if u.text is None] == ["BAC009S0002W0999"]
    assert found[0].path == home() / "datasets/data_aishell/wav/train/S0002/BAC009S0002W0122.wav"
    assert found[0].path.read_bytes() == b"BAC009S0002W0122"
    assert [u.speaker for u in found] == ["S0002", "S0002", "S0724", "S0764", "S0916"]
    assert {u.language for u in found} == {"zh"}
    assert data.notes() == []
    assert not list((home() / "datasets").rglob("*.tar.gz"))
    assert not list((home() / "datasets").glob(".data_aishell*"))
    assert archive.is_file()


def test_of_the_test_split_only_its_speakers_are_unpacked(archive: Path) -> None:
    data = Aishell1Test()
    data.fetch()
    assert [u.id for u in data.utterances()] == ["BAC009S0764W0121", "BAC009S0916W0495"]
    assert sorted(p.name for p in (home() / "datasets/data_aishell/wav").rglob("S*")) == ["S0764", "S0916"]
    Aishell1().fetch()  # what is there is no reason to leave out the rest
    assert len(list(Aishell1().utterances())) == 5


def test_a_damaged_inner_archive_leaves_nothing_behind(archive: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "packing" / "data_aishell"
    (corpus / "wav" / "S0724.tar.gz").write_bytes(b"\x1f\x8b damaged")
    tarred(archive, corpus)
    with pytest.raises(UnavailableError, match=r"S0724\.tar\.gz"):
        Aishell1().fetch()
    assert not (home() / "datasets" / ".data_aishell").exists()
    with pytest.raises(UnavailableError, match=r"holds|not on this machine|cannot be read"):
        Aishell1().utterances()


def test_an_archive_without_archives_is_refused(archive: Path) -> None:
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(archive.parents[2] / "packing/data_aishell/transcript", "data_aishell/transcript")
    with pytest.raises(UnavailableError, match="no archives of speakers"):
        Aishell1().fetch()
    assert not (home() / "datasets/data_aishell").exists()


def test_real_recordings(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = manifest_rows(shared, "speech_zh")
    folder = tmp_path / "data_aishell"
    paths = [f"wav/{r['split']}/{r['speaker'].removeprefix('aishell-')}/{r['source_id']}.wav" for r in rows]
    lay_out(folder, [*paths, TRANSCRIPT])
    (folder / "wav" / "train").mkdir()
    spaced = "".join(f"{row['source_id']} {' '.join(row['transcript'])}\n" for row in rows)
    (folder / TRANSCRIPT).write_text(spaced, encoding="utf-8")
    monkeypatch.setattr(Aishell1, "expected", Count(3, 2))
    found = {u.id: u for u in Aishell1(tmp_path).utterances()}
    assert {id_: u.text for id_, u in found.items()} == {row["source_id"]: row["transcript"] for row in rows}
    assert {id_: u.labels["split"] for id_, u in found.items()} == {row["source_id"]: row["split"] for row in rows}
