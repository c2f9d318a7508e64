"""LJ Speech, on a tree and an archive that have the layout of the release."""

from __future__ import annotations

import csv
import hashlib
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from codec_bench.audio import read_audio
from codec_bench.datasets.corpus import Count
from codec_bench.datasets.ljspeech import LjSpeech
from codec_bench.errors import UnavailableError
from codec_bench.hub import home

LINES = [
    "LJ001-0001|Printing, in 1895, differs|Printing, in eighteen ninety-five, differs",
    'LJ001-0007|the Gutenberg, or "42-line Bible" of about 1455,|the Gutenberg, or "forty-two line Bible",',
    'LJ002-0001|"Why?|"Why?',
]
"""Quotes that are never closed are in the real table, too."""


def lay_out(above: Path, lines: list[str]) -> Path:
    """What unpacking the archive leaves in `above`, without sound."""
    root = above / "LJSpeech-1.1"
    (root / "wavs").mkdir(parents=True)
    (root / "README").touch()
    (root / "metadata.csv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for line in lines:
        (root / "wavs" / f"{line.split('|')[0]}.wav").touch()
    return above


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(LjSpeech, "expected", Count(3, 1))
    return lay_out(tmp_path / "corpora", LINES)


@pytest.mark.parametrize("root", ["", "LJSpeech-1.1"])
def test_utterances(corpus: Path, root: str) -> None:
    found = list(LjSpeech(corpus / root).utterances())
    assert [u.id for u in found] == ["LJ001-0001", "LJ001-0007", "LJ002-0001"]
    assert [u.text for u in found] == [
        "Printing, in eighteen ninety-five, differs",
        'the Gutenberg, or "forty-two line Bible",',
        '"Why?',
    ]
    assert found[2].path == corpus / "LJSpeech-1.1/wavs/LJ002-0001.wav"
    assert {(u.speaker, u.language) for u in found} == {("lj", "en")}
    assert found[2].labels == {"chapter": "LJ002"}


def test_as_torchaudio_reads_it(corpus: Path) -> None:
    try:
        from torchaudio.datasets import LJSPEECH
    except (ImportError, OSError):
        pytest.skip("torchaudio is missing, or does not fit torch")
    reference = LJSPEECH(corpus)._flist
    assert [(u.id, u.text) for u in LjSpeech(corpus).utterances()] == [(row[0], row[2]) for row in reference]


def test_from_an_archive_of_a_mirror(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "mirror" / "datasets" / "LJSpeech-1.1.tar.bz2"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:bz2") as tar:
        tar.add(corpus / "LJSpeech-1.1", "LJSpeech-1.1")
    remote = replace(LjSpeech.archives[0], sha256=hashlib.sha256(archive.read_bytes()).hexdigest())
    monkeypatch.setattr(LjSpeech, "archives", (remote,))
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    data = LjSpeech()
    with pytest.raises(UnavailableError, match="is not on this machine"):
        data.utterances()
    data.fetch()
    assert len(list(data.utterances())) == 3
    unpacked = {p.name for p in (home() / "datasets" / "LJSpeech-1.1").rglob("*") if p.is_file()}
    assert unpacked == {"metadata.csv", "LJ001-0001.wav", "LJ001-0007.wav", "LJ002-0001.wav"}
    assert archive.exists()
    assert data.notes() == []


@pytest.mark.parametrize("line", ["LJ001-0001|Printing", "LJ001-0001|a|b|c", "../up|a|b", "|a|b", "LJ001-0001,a,b"])
def test_another_table(tmp_path: Path, line: str) -> None:
    with pytest.raises(UnavailableError, match=r"metadata\.csv, line 2: .*unpack the corpus again"):
        LjSpeech(_table(tmp_path, line)).utterances()


def _table(folder: Path, line: str) -> Path:
    root = lay_out(folder, LINES[:1])
    with (root / "LJSpeech-1.1" / "metadata.csv").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    return root


def test_what_is_missing(corpus: Path) -> None:
    (corpus / "LJSpeech-1.1/wavs/LJ001-0007.wav").unlink()
    with pytest.raises(UnavailableError, match="1 of the 3 recordings of ljspeech are missing: LJ001-0007"):
        LjSpeech(corpus).utterances()
    (corpus / "LJSpeech-1.1/metadata.csv").unlink()
    with pytest.raises(UnavailableError, match=r"metadata\.csv cannot be read"):
        LjSpeech(corpus).utterances()


def test_the_counts_are_those_of_the_release(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"holds 3 recordings by 1 speakers for ljspeech, not 13100 by 1"):
        LjSpeech(lay_out(tmp_path, LINES)).utterances()
    assert "13,100 recordings" in LjSpeech.title


def test_real_recordings(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (shared / "data" / "manifests" / "speech_en.tsv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["corpus"] == "LJSpeech-1.1"]
    lay_out(tmp_path, [f"{row['source_id']}|as written|{row['transcript']}" for row in rows])
    for row in rows:
        path = tmp_path / "LJSpeech-1.1" / "wavs" / f"{row['source_id']}.wav"
        path.write_bytes((shared / "data" / "manifests" / row["path"]).read_bytes())
    monkeypatch.setattr(LjSpeech, "expected", Count(len(rows), 1))
    found = list(LjSpeech(tmp_path).utterances())
    assert {u.id: u.text for u in found} == {row["source_id"]: row["transcript"] for row in rows}
    assert {read_audio(u.path).rate for u in found} == {22_050}
