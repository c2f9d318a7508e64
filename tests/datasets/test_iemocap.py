"""IEMOCAP, on a tree as its makers give it out."""

from __future__ import annotations

from pathlib import Path

import pytest

from codec_bench.datasets.corpus import Count
from codec_bench.datasets.iemocap import Iemocap

TURNS = {
    "Ses01F_impro01": {"F000": "neu", "F001": "xxx", "M011": "exc"},
    "Ses01F_script01_1": {"M003": "fru", "F004": "ang"},
    "Ses05M_script01_1b": {"F001": "sad", "M002": "hap", "M003": "sur"},
}
KEPT = {
    "Ses01F_impro01_F000": ("neutral", "1", "Ses01F"),
    "Ses01F_impro01_M011": ("happy", "1", "Ses01M"),
    "Ses01F_script01_1_F004": ("angry", "1", "Ses01F"),
    "Ses05M_script01_1b_F001": ("sad", "5", "Ses05F"),
    "Ses05M_script01_1b_M002": ("happy", "5", "Ses05M"),
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Iemocap, "expected", Count(5, 4))
    release = tmp_path / "IEMOCAP_full_release"
    for dialogue, turns in TURNS.items():
        session = release / f"Session{dialogue[4]}"
        wavs = session / "sentences" / "wav" / dialogue
        wavs.mkdir(parents=True)
        labels = session / "dialog" / "EmoEvaluation"
        labels.mkdir(parents=True, exist_ok=True)
        text = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
        for turn, emotion in turns.items():
            text += f"[6.2901 - 8.2357]\t{dialogue}_{turn}\t{emotion}\t[2.5000, 2.5000, 2.5000]\n"
            text += "C-E2:\tNeutral;\t()\nA-E3:\tval 3; act 2; dom  2;\t()\n\n"
            (wavs / f"{dialogue}_{turn}.wav").touch()
        (labels / f"{dialogue}.txt").write_text(text)
        (labels / f"._{dialogue}.txt").write_bytes(b"\xff\x00")
    return tmp_path


def test_four_classes(root: Path) -> None:
    found = list(Iemocap(root).utterances())
    assert {u.id: (u.labels["label"], u.labels["fold"], u.speaker) for u in found} == KEPT
    assert [u.id for u in found] == sorted(KEPT)
    assert found[0].path == root / (
        "IEMOCAP_full_release/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"
    )
    assert {u.language for u in found} == {"en"}
