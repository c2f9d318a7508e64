"""LibriTTS, on trees that have the layout of the release."""

from __future__ import annotations

import csv
import hashlib
import io
import tarfile
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec_bench.audio import read_audio
from codec_bench.datasets.corpus import Count
from codec_bench.datasets.dataset import Access
from codec_bench.datasets.libritts import LibriTts, LibriTtsTestB, LibriTtsTestClean, LibriTtsTestOther
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.hub import home

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


def test_500_utterances_37_speakers_in_order() -> None:
    assert len(IDS) == len(set(IDS)) == 500
    assert len({name.split("_")[0] for name in IDS}) == 37
    assert sorted(IDS) == IDS


def test_what_it_says_of_itself() -> None:
    assert LibriTtsTestB.licence == "CC BY 4.0"
    assert not LibriTtsTestB.synthetic
    assert "500 utterances" in LibriTtsTestB.title


@pytest.mark.parametrize("root", ["", "LibriTTS", "LibriTTS/test-clean"])
def test_utterances(corpus: Path, root: str) -> None:
    found = list(LibriTtsTestB(corpus / root).utterances())
    assert [u.id for u in found] == IDS
    first = found[0]
    assert first.path == corpus / "LibriTTS/test-clean/1089/134686/1089_134686_000002_000001.wav"
    assert first.text == "Mister 1089_134686_000002_000001."
    assert (first.speaker, first.language) == ("1089", "en")
    assert first.labels == {"split": "test-clean", "chapter": "134686"}
    assert len({u.speaker for u in found}) == 37
    assert {u.language for u in found} == {"en"}
    assert read_audio(first.path).rate == 24_000


def test_found_in_a_mirror(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "datasets").symlink_to(corpus)
    monkeypatch.setenv("CODEC_BENCH_MIRROR", f"{tmp_path / 'none'}:{mirror}")
    assert len(list(LibriTtsTestB().utterances())) == 500


@pytest.mark.parametrize("root", [None, "none", "empty"])
def test_absent(tmp_path: Path, root: str | None) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnavailableError) as caught:
        LibriTtsTestB(None if root is None else tmp_path / root).utterances()
    message = str(caught.value)
    assert "\n" not in message
    needed = ["https://www.openslr.org/resources/60/test-clean.tar.gz", "1.23 GB", "--data-root", "--dataset demo"]
    assert all(part in message for part in [*needed, root or ""])
    assert caught.value.exit_code == 2


def test_another_subset_is_not_it(tmp_path: Path) -> None:
    (tmp_path / "LibriTTS" / "dev-clean" / "84" / "121123").mkdir(parents=True)
    with pytest.raises(UnavailableError, match="is not in"):
        LibriTtsTestB(tmp_path / "LibriTTS" / "dev-clean").utterances()
    (tmp_path / "LibriTTS" / "dev-clean" / "84" / "121123" / "84_121123_000007_000001.wav").touch()
    with pytest.raises(UnavailableError, match="500 of the 500 recordings"):
        LibriTtsTestB(tmp_path / "LibriTTS" / "dev-clean").utterances()


def test_incomplete(tmp_path: Path) -> None:
    extract(tmp_path, [*IDS[:100], *IDS[102:]])
    with pytest.raises(UnavailableError) as caught:
        LibriTtsTestB(tmp_path).utterances()
    message = str(caught.value)
    assert "2 of the 500 recordings" in message
    assert f"{IDS[100]}, {IDS[101]}; the first was looked for at" in message
    assert f"{IDS[100]}.wav" in message
    assert f"{IDS[101]}.wav" not in message


def test_librispeech_has_the_same_folders_but_not_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "LibriSpeech" / "test-clean" / "1089" / "134686"
    folder.mkdir(parents=True)
    (folder / "1089-134686-0000.flac").touch()
    with pytest.raises(UnavailableError, match="libritts-test-b is not in"):
        LibriTtsTestB(tmp_path / "LibriSpeech" / "test-clean").utterances()


def test_a_recording_without_text_has_none(tmp_path: Path) -> None:
    extract(tmp_path)
    next(tmp_path.rglob(f"{IDS[3]}.normalized.txt")).unlink()
    found = list(LibriTtsTestB(tmp_path).utterances())
    assert [u.id for u in found if u.text is None] == [IDS[3]]


def test_the_counts_are_checked(corpus: Path) -> None:
    class Wrong(LibriTtsTestB):
        expected = Count(501, 37)

    assert issubclass(Wrong, LibriTts)
    with pytest.raises(UsageError, match="damaged"):
        Wrong(corpus).utterances()


def archived(corpus: Path, path: Path) -> str:
    """Packs the tree as the release is packed; returns its digest."""
    with tarfile.open(path, "w:gz") as tar:
        tar.add(corpus / "LibriTTS", "LibriTTS")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_from_an_empty_machine_to_500_utterances(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    digest = archived(corpus, tmp_path / "test-clean.tar.gz")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = f"http://127.0.0.1:{server.server_port}/test-clean.tar.gz"
        archive = replace(LibriTtsTestB.archives[0], sha256=digest, source=source)
        monkeypatch.setattr(LibriTtsTestB, "archives", (archive,))
        data = LibriTtsTestB()
        assert data.state().access is Access.FETCH
        with pytest.raises(UnavailableError):
            data.utterances()
        data.fetch()
        assert "dataset:libritts-test-b: downloading 1 files (1.23 GB)" in caplog.text
        found = list(data.utterances())
        assert len(found) == 500
        assert found[0].text == f"Mister {IDS[0]}."
        unpacked = [p for p in (home() / "datasets" / "LibriTTS").rglob("*") if p.is_file()]
        assert len(unpacked) == 1000  # wav and normalised text
        assert not list(home().rglob("*.tar.gz"))
        server.shutdown()
    data.fetch()  # nothing is asked of the server that is no more


def test_a_mirror_that_has_the_archive_keeps_it(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "datasets" / "LibriTTS-test-clean.tar.gz"
    archive.parent.mkdir()
    remote = replace(LibriTtsTestB.archives[0], sha256=archived(corpus, archive))
    monkeypatch.setattr(LibriTtsTestB, "archives", (remote,))
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    data = LibriTtsTestB()
    data.fetch()
    assert len(list(data.utterances())) == 500
    assert archive.exists()


def test_without_network_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    with pytest.raises(UnavailableError) as caught:
        LibriTtsTestB().fetch()
    for part in ("CODEC_BENCH_OFFLINE", "https://www.openslr.org", "1.23 GB", "--data-root", "--dataset demo"):
        assert part in str(caught.value)


def test_only_the_files_of_the_list_are_unpacked(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extract(tmp_path, [*IDS, "61_70968_000003_000002"])
    archive = tmp_path / "mirror" / "datasets" / "test-clean.tar.gz"  # as the makers call it
    archive.parent.mkdir(parents=True)
    monkeypatch.setattr(
        LibriTtsTestClean, "archives", (replace(LibriTtsTestB.archives[0], sha256=archived(tmp_path, archive)),)
    )
    monkeypatch.setattr(LibriTtsTestClean, "expected", Count(501))
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(archive.parents[1]))
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    folder = home() / "datasets" / "LibriTTS" / "test-clean"
    LibriTtsTestB().fetch()
    assert not (folder / "61").exists()
    with pytest.raises(UnavailableError, match="holds 500 recordings for libritts-test-clean, not 501"):
        LibriTtsTestClean().utterances()
    LibriTtsTestClean().fetch()  # brings what the other one left
    added = sorted(path.name for path in (folder / "61").rglob("*") if path.is_file())
    assert added == ["61_70968_000003_000002.normalized.txt", "61_70968_000003_000002.wav"]
    found = list(LibriTtsTestClean().utterances())
    assert [u.id for u in found] == sorted([*IDS, "61_70968_000003_000002"])
    assert (found[0].text, found[0].speaker, found[0].language) == (f"Mister {IDS[0]}.", "1089", "en")
    assert found[0].labels == {"split": "test-clean", "chapter": "134686"}


def test_whole_subsets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many recordings as TensorFlow Datasets counts in the archives."""
    for data, count in ((LibriTtsTestClean, 4_837), (LibriTtsTestOther, 5_120)):
        folder = tmp_path / "LibriTTS" / data.inside[-1] / "1" / "2"
        folder.mkdir(parents=True)
        (folder / "1_2_000003_000004.wav").touch()
        (folder / "._1_2_000003_000004.wav").touch()  # what one system leaves beside a file on another's disk
        with pytest.raises(UnavailableError, match=f"holds 1 recordings for {data.name}, not {count}"):
            data(tmp_path).utterances()
        monkeypatch.setattr(data, "expected", Count(1))
        assert [u.id for u in data(tmp_path / "LibriTTS").utterances()] == ["1_2_000003_000004"]
        assert f"{count:,} utterances" in data.title


def test_the_texts_of_real_recordings(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings of the release under their names; their texts are in the manifest."""
    with (shared / "data" / "manifests" / "speech_en.tsv").open(encoding="utf-8", newline="") as file:
        rows = [
            r for r in csv.DictReader(file, delimiter="\t") if (r["corpus"], r["split"]) == ("LibriTTS", "test-clean")
        ]
    for row in rows:
        id_ = row["source_id"]
        folder = tmp_path.joinpath(*id_.split("_")[:2])
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / f"{id_}.wav", *soundfile.read(shared / "data" / "manifests" / row["path"]))
        (folder / f"{id_}.normalized.txt").write_text(row["transcript"] + "\n", encoding="utf-8")
    monkeypatch.setattr(LibriTtsTestClean, "expected", Count(len(rows), len({row["speaker"] for row in rows})))
    found = {u.id: u for u in LibriTtsTestClean(tmp_path).utterances()}
    assert {id_: u.text for id_, u in found.items()} == {row["source_id"]: row["transcript"] for row in rows}
    assert all(f"ls-{found[row['source_id']].speaker}" == row["speaker"] for row in rows)
    assert all(abs(read_audio(found[r["source_id"]].path).seconds - float(r["duration"])) < 0.001 for r in rows)
