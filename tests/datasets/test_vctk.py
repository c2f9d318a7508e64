"""VCTK, on a tree and an archive that have the layout of the release."""

from __future__ import annotations

import csv
import hashlib
import threading
import zipfile
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from codec_bench.datasets.corpus import Count
from codec_bench.datasets.vctk import Vctk
from codec_bench.errors import UnavailableError
from codec_bench.hub import home

SPEECH = [
    *("p225/p225_001_mic1.flac", "p225/p225_001_mic2.flac", "p225/p225_003_mic1.flac", "p225/p225_003_mic2.flac"),
    *("p280/p280_001_mic1.flac", "p315/p315_001_mic1.flac", "s5/s5_001_mic1.flac", "s5/s5_001_mic2.flac"),
    "log.txt",
]
"""p280 lacks the second microphone, p315 both that and its texts."""

TEXTS = {
    "p225/p225_001.txt": "Please call Stella.",
    "p225/p225_003.txt": "Six spoons of fresh snow peas.",
    "p280/p280_001.txt": "Please call Stella. ",
    "s5/s5_001.txt": "Please call Stella.",
    "s5/s5_002.txt": "a text without a recording",
}


def lay_out(root: Path) -> Path:
    """What the archive holds; it has no top folder."""
    for name in SPEECH:
        path = root / "wav48_silence_trimmed" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for name, text in TEXTS.items():
        path = root / "txt" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    (root / "speaker-info.txt").touch()
    return root


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Vctk, "expected", Count(5, 4))
    return lay_out(tmp_path / "corpora" / "VCTK-Corpus-0.92").parent


@pytest.mark.parametrize("root", ["", "VCTK-Corpus-0.92"])
def test_utterances(corpus: Path, root: str) -> None:
    found = list(Vctk(corpus / root).utterances())
    assert [(u.id, u.speaker, u.text) for u in found] == [
        ("p225_001", "p225", "Please call Stella."),
        ("p225_003", "p225", "Six spoons of fresh snow peas."),
        ("p280_001", "p280", "Please call Stella."),
        ("p315_001", "p315", None),
        ("s5_001", "s5", "Please call Stella."),
    ]
    assert found[0].path == corpus / "VCTK-Corpus-0.92/wav48_silence_trimmed/p225/p225_001_mic1.flac"
    assert {u.language for u in found} == {"en"}


def test_as_torchaudio_reads_it(corpus: Path) -> None:
    """It has what has a text; for a speaker other than p362 it takes the recordings of all texts for granted."""
    try:
        from torchaudio.datasets import VCTK_092
    except (ImportError, OSError):
        pytest.skip("torchaudio is missing, or does not fit torch")
    (corpus / "VCTK-Corpus-0.92/txt/s5/s5_002.txt").unlink()
    reference = ["_".join(pair) for pair in VCTK_092(str(corpus), mic_id="mic1")._sample_ids]
    assert [u.id for u in Vctk(corpus).utterances() if u.text] == reference


def test_from_an_empty_machine(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "served" / "VCTK-Corpus-0.92.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        root = corpus / "VCTK-Corpus-0.92"
        for path in sorted(root.rglob("*")):
            file.write(path, path.relative_to(root).as_posix())
    data = archive.read_bytes()
    handler = partial(SimpleHTTPRequestHandler, directory=str(archive.parent))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        remote = replace(
            Vctk.archives[0],
            sha256=hashlib.sha256(data).hexdigest(),
            md5=hashlib.md5(data).hexdigest(),
            size=len(data),
            source=f"http://127.0.0.1:{server.server_port}/VCTK-Corpus-0.92.zip",
        )
        monkeypatch.setattr(Vctk, "archives", (remote,))
        Vctk().fetch()
        server.shutdown()
    root = home() / "datasets" / "VCTK-Corpus-0.92"
    assert [u.id for u in Vctk().utterances()] == ["p225_001", "p225_003", "p280_001", "p315_001", "s5_001"]
    unpacked = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    microphone_1 = {f"wav48_silence_trimmed/{name}" for name in SPEECH if name.endswith("_mic1.flac")}
    assert unpacked == microphone_1 | {f"txt/{name}" for name in TEXTS}
    assert not list(home().rglob("*.zip"))


def test_the_counts_are_those_of_the_release(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"holds 5 recordings by 4 speakers for vctk, not 44455 by 110"):
        Vctk(lay_out(tmp_path)).utterances()
    assert "44,455 recordings, 110 speakers" in Vctk.title


def test_real_names_and_texts(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (shared / "data" / "manifests" / "speech_en.tsv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["corpus"] == "VCTK" and row["transcript"]]
    assert len(rows) > 20
    for row in rows:
        speaker = row["source_id"].split("_")[0]
        recording = tmp_path / "wav48_silence_trimmed" / speaker / f"{row['source_id']}_mic1.flac"
        text = tmp_path / "txt" / speaker / f"{row['source_id']}.txt"
        for path in (recording, text):
            path.parent.mkdir(parents=True, exist_ok=True)
        recording.write_bytes((shared / "data" / "manifests" / row["path"]).read_bytes())
        text.write_text(row["transcript"] + "\n", encoding="utf-8")
    texts = {row["source_id"]: row["transcript"] for row in rows}
    monkeypatch.setattr(Vctk, "expected", Count(len(texts), len({id_.split("_")[0] for id_ in texts})))
    assert {u.id: u.text for u in Vctk(tmp_path).utterances()} == texts
