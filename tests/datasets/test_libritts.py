"""LibriTTS test-B, on a tree that has the layout of the release."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec_bench.audio import read_audio
from codec_bench.datasets.libritts import Count, LibriTts, LibriTtsTestB
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


def test_incomplete(tmp_path: Path) -> None:
    extract(tmp_path, [*IDS[:100], *IDS[102:]])
    with pytest.raises(UnavailableError) as caught:
        LibriTtsTestB(tmp_path).utterances()
    assert "2 of the 500 recordings" in str(caught.value)
    assert f"{IDS[100]}.wav" in str(caught.value)
    assert IDS[101] not in str(caught.value)


def test_librispeech_has_the_same_folders_but_not_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "LibriSpeech" / "test-clean" / "1089" / "134686"
    folder.mkdir(parents=True)
    (folder / "1089-134686-0000.flac").touch()
    with pytest.raises(UnavailableError, match="500 of the 500 recordings"):
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
        monkeypatch.setattr(LibriTtsTestB, "sha256", digest)
        monkeypatch.setattr(LibriTtsTestB, "archive", f"http://127.0.0.1:{server.server_port}/test-clean.tar.gz")
        data = LibriTtsTestB()
        with pytest.raises(UnavailableError):
            data.utterances()
        data.fetch()
        assert "dataset:libritts-test-b: downloading 1 files (1.23 GB)" in caplog.text
        found = list(data.utterances())
        assert len(found) == 500
        assert found[0].text == f"Mister {IDS[0]}."
        unpacked = [p for p in (home() / "datasets").rglob("*") if p.is_file() and not p.name.endswith(".lock")]
        assert len(unpacked) == 1000  # wav and normalised text; the archive is gone
        server.shutdown()
    data.fetch()  # nothing is asked of the server that is no more


def test_a_mirror_that_has_the_archive_keeps_it(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "datasets" / "LibriTTS-test-clean.tar.gz"
    archive.parent.mkdir()
    monkeypatch.setattr(LibriTtsTestB, "sha256", archived(corpus, archive))
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
