"""LJ Speech, on a tree and an archive that have the layout of the release."""

from __future__ import annotations

from pathlib import Path

import pytest

from codec_bench.audio import read_audio
from codec_bench.datasets.corpus import Count
from codec_bench.datasets.ljspeech import LjSpeech
from codec_bench.errors import UnavailableError
from codec_bench.hub import home
from tests.datasets import material
from tests.datasets.material import manifest_rows, mirror, recording_of, tarred, unpacked

LINES = [
    "LJ001-0001|Printing, in 1895, differs|Printing, in eighteen ninety-five, differs",
    'LJ001-0007|the Gutenberg, or "42-line Bible" of about 1455,|the Gutenberg, or "forty-two line Bible",',
    'LJ002-0001|"Why?|"Why?',
]
"""Quotes that are never closed are in the real table, too."""


def lay_out(above: Path, lines: list[str]) -> Path:
    """What unpacking the archive leaves in `above`, without sound."""
    root = above / "LJSpeech-1.1"
    material.lay_out(root, ["README", *(f"wavs/{line.split('|')[0]}.wav" for line in lines)])
    (root / "metadata.csv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return above


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(LjSpeech, "expected", Count(3, 1))
    return lay_out(tmp_path / "corpora", LINES)


def test_utterances(corpus: Path) -> None:
    found = list(LjSpeech(corpus).utterances())
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
    mirror(monkeypatch, LjSpeech, tarred(archive, corpus / "LJSpeech-1.1", "w:bz2"))
    data = LjSpeech()
    data.fetch()
    assert len(list(data.utterances())) == 3
    wavs = {f"wavs/{name}.wav" for name in ("LJ001-0001", "LJ001-0007", "LJ002-0001")}
    assert unpacked(home() / "datasets" / "LJSpeech-1.1") == wavs | {"metadata.csv"}
    assert data.notes() == []


@pytest.mark.parametrize("line", ["LJ001-0001|Printing", "LJ001-0001|a|b|c", "../up|a|b", "|a|b", "LJ001-0001,a,b"])
def test_another_table(tmp_path: Path, line: str) -> None:
    lay_out(tmp_path, LINES[:1])
    with (tmp_path / "LJSpeech-1.1" / "metadata.csv").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(UnavailableError, match=r"metadata\.csv, line 2: .*unpack the corpus again"):
        LjSpeech(tmp_path).utterances()


def test_real_recordings(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = manifest_rows(shared, "speech_en", corpus="LJSpeech-1.1")
    lay_out(tmp_path, [f"{row['source_id']}|as written|{row['transcript']}" for row in rows])
    for row in rows:
        path = tmp_path / "LJSpeech-1.1" / "wavs" / f"{row['source_id']}.wav"
        path.write_bytes(recording_of(shared, row).read_bytes())
    monkeypatch.setattr(LjSpeech, "expected", Count(len(rows), 1))
    found = list(LjSpeech(tmp_path).utterances())
    assert {u.id: u.text for u in found} == {row["source_id"]: row["transcript"] for row in rows}
    assert {read_audio(u.path).rate for u in found} == {22_050}
