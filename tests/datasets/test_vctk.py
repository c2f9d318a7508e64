"""VCTK, on a tree and an archive that have the layout of the release."""

from __future__ import annotations

from pathlib import Path

import pytest

from codec_bench.datasets.corpus import Count
from codec_bench.datasets.vctk import Vctk
from codec_bench.hub import home
from tests.datasets import material
from tests.datasets.material import manifest_rows, mirror, recording_of, unpacked, zipped

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
    speech = (f"wav48_silence_trimmed/{name}" for name in SPEECH)
    material.lay_out(root, [*speech, *(f"txt/{name}" for name in TEXTS), "speaker-info.txt"])
    for name, text in TEXTS.items():
        (root / "txt" / name).write_text(text + "\n", encoding="utf-8")
    return root


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Vctk, "expected", Count(5, 4))
    return lay_out(tmp_path / "corpora" / "VCTK-Corpus-0.92").parent


def test_utterances(corpus: Path) -> None:
    found = list(Vctk(corpus).utterances())
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


def test_from_an_archive_without_a_top_folder(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = corpus / "VCTK-Corpus-0.92"
    files = {name: (root / name).read_text(encoding="utf-8") for name in sorted(unpacked(root))}
    mirror(monkeypatch, Vctk, zipped(tmp_path / "mirror/datasets/VCTK-Corpus-0.92.zip", files))
    Vctk().fetch()
    assert [u.id for u in Vctk().utterances()] == ["p225_001", "p225_003", "p280_001", "p315_001", "s5_001"]
    microphone_1 = {f"wav48_silence_trimmed/{name}" for name in SPEECH if name.endswith("_mic1.flac")}
    assert unpacked(home() / "datasets/VCTK-Corpus-0.92") == microphone_1 | {f"txt/{name}" for name in TEXTS}


def test_real_names_and_texts(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row for row in manifest_rows(shared, "speech_en", corpus="VCTK") if row["transcript"]]
    assert len(rows) > 20
    for row in rows:
        speaker = row["source_id"].split("_")[0]
        recording = tmp_path / "wav48_silence_trimmed" / speaker / f"{row['source_id']}_mic1.flac"
        text = tmp_path / "txt" / speaker / f"{row['source_id']}.txt"
        for path in (recording, text):
            path.parent.mkdir(parents=True, exist_ok=True)
        recording.write_bytes(recording_of(shared, row).read_bytes())
        text.write_text(row["transcript"] + "\n", encoding="utf-8")
    texts = {row["source_id"]: row["transcript"] for row in rows}
    monkeypatch.setattr(Vctk, "expected", Count(len(texts), len({id_.split("_")[0] for id_ in texts})))
    assert {u.id: u.text for u in Vctk(tmp_path).utterances()} == texts
