"""LibriTTS, on trees that have the layout of the release."""

from __future__ import annotations

import hashlib
import io
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec_bench.audio import read_audio
from codec_bench.datasets.corpus import Count
from codec_bench.datasets.libritts import LibriTtsTestB, LibriTtsTestClean
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.hub import home
from tests.datasets.material import lay_out, manifest_rows, mirror, recording_of, tarred

OFFICIAL_SHA256 = "d86c4a418372dac4ab3590bfd048546809c89ab1d1dcd2980c8b05c357087fe0"
IDS = LibriTtsTestB().ids()


def extract(above: Path, ids: list[str] = IDS) -> Path:
    """What `tar xf test-clean.tar.gz` leaves in `above`, with very short recordings."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.full(240, 0.25, np.float32), 24_000, format="WAV", subtype="PCM_16")
    for name in ids:
        speaker, chapter, *_ = name.split("_")
        folder = above / "LibriTTS" / "test-clean" / speaker / chapter
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.wav").write_bytes(buffer.getvalue())
        (folder / f"{name}.original.txt").write_text("Mr. X.")
        (folder / f"{name}.normalized.txt").write_text(f"Mister {name}.")
    return above


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return extract(tmp_path_factory.mktemp("corpora"))


def test_the_list_is_the_first_column_of_the_official_one(shared: Path) -> None:
    official = (shared / "lists" / "testsetB_utt2prompt").read_bytes()
    assert hashlib.sha256(official).hexdigest() == OFFICIAL_SHA256
    assert [line.split(" ")[0] for line in official.decode().splitlines()] == IDS


def test_the_list_says_where_it_is_from() -> None:
    text = (files("codec_bench.datasets") / "lists" / "libritts_test_b.txt").read_text(encoding="utf-8")
    header = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    assert OFFICIAL_SHA256 in header
    assert "https://cpdu.github.io/unicats/resources/testsetB_utt2prompt" in header


def test_utterances(corpus: Path) -> None:
    found = list(LibriTtsTestB(corpus).utterances())
    assert [u.id for u in found] == IDS
    first = found[0]
    assert first.path == corpus / "LibriTTS/test-clean/1089/134686/1089_134686_000002_000001.wav"
    assert first.text == "Mister 1089_134686_000002_000001."
    assert (first.speaker, first.language) == ("1089", "en")
    assert first.labels == {"split": "test-clean", "chapter": "134686"}
    assert len({u.speaker for u in found}) == 37
    assert {u.language for u in found} == {"en"}
    assert read_audio(first.path).rate == 24_000


def test_another_subset_is_not_it(tmp_path: Path) -> None:
    other = tmp_path / "LibriTTS" / "dev-clean"
    (other / "84" / "121123").mkdir(parents=True)
    with pytest.raises(UnavailableError, match="is not in"):
        LibriTtsTestB(other).utterances()
    lay_out(other, ["84/121123/84_121123_000007_000001.wav"])
    with pytest.raises(UnavailableError, match="500 of the 500 recordings"):
        LibriTtsTestB(other).utterances()


def test_librispeech_has_the_same_folders_but_not_the_files(tmp_path: Path) -> None:
    lay_out(tmp_path, ["1089/134686/1089-134686-0000.flac"])
    with pytest.raises(UnavailableError, match="libritts-test-b is not in"):
        LibriTtsTestB(tmp_path).utterances()


def test_a_recording_without_text_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what one system leaves beside a file on another's disk is no recording."""
    lay_out(
        tmp_path, ["LibriTTS/test-clean/1/2/1_2_000003_000004.wav", "LibriTTS/test-clean/1/2/._1_2_000003_000004.wav"]
    )
    monkeypatch.setattr(LibriTtsTestClean, "expected", Count(1))
    assert [(u.id, u.text) for u in LibriTtsTestClean(tmp_path).utterances()] == [("1_2_000003_000004", None)]


def test_the_counts_are_checked(corpus: Path) -> None:
    class Wrong(LibriTtsTestB):
        expected = Count(501, 37)

    with pytest.raises(UsageError, match="damaged"):
        Wrong(corpus).utterances()


def test_only_the_files_of_the_list_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extract(tmp_path, [*IDS, "61_70968_000003_000002"])
    archive = tmp_path / "mirror" / "datasets" / "test-clean.tar.gz"  # as the makers call it
    mirror(monkeypatch, LibriTtsTestClean, tarred(archive, tmp_path / "LibriTTS"))
    monkeypatch.setattr(LibriTtsTestClean, "expected", Count(501))
    folder = home() / "datasets" / "LibriTTS" / "test-clean"
    LibriTtsTestB().fetch()
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1000  # recordings and normalised texts
    with pytest.raises(UnavailableError, match="holds 500 recordings for libritts-test-clean, not 501"):
        LibriTtsTestClean().utterances()
    LibriTtsTestClean().fetch()  # brings what the other one left
    added = sorted(path.name for path in (folder / "61").rglob("*") if path.is_file())
    assert added == ["61_70968_000003_000002.normalized.txt", "61_70968_000003_000002.wav"]
    found = list(LibriTtsTestClean().utterances())
    assert [u.id for u in found] == sorted([*IDS, "61_70968_000003_000002"])
    assert (found[0].text, found[0].speaker, found[0].language) == (f"Mister {IDS[0]}.", "1089", "en")
    assert found[0].labels == {"split": "test-clean", "chapter": "134686"}


def test_the_texts_of_real_recordings(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings of the release under their names; their texts are in the manifest."""
    rows = manifest_rows(shared, "speech_en", corpus="LibriTTS", split="test-clean")
    for row in rows:
        id_ = row["source_id"]
        folder = tmp_path.joinpath(*id_.split("_")[:2])
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / f"{id_}.wav", *soundfile.read(recording_of(shared, row)))
        (folder / f"{id_}.normalized.txt").write_text(row["transcript"] + "\n", encoding="utf-8")
    monkeypatch.setattr(LibriTtsTestClean, "expected", Count(len(rows), len({row["speaker"] for row in rows})))
    found = {u.id: u for u in LibriTtsTestClean(tmp_path).utterances()}
    assert {id_: u.text for id_, u in found.items()} == {row["source_id"]: row["transcript"] for row in rows}
    assert all(f"ls-{found[row['source_id']].speaker}" == row["speaker"] for row in rows)
    assert all(abs(read_audio(found[r["source_id"]].path).seconds - float(r["duration"])) < 0.001 for r in rows)
