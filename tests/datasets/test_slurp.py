"""SLURP, from an archive and annotations in the form of the published ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codec_bench.datasets.corpus import Count
from codec_bench.datasets.dataset import Access
from codec_bench.datasets.slurp import Slurp
from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile, home
from tests.datasets.material import lay_out, mirror, tarred


def entry(number: int, sentence: str, intent: str, files: list[str]) -> dict[str, Any]:
    scenario, action = intent.split("_", 1)
    recorded = [{"file": file, "wer": 0.0, "ent_wer": 0.0, "status": "correct"} for file in files]
    return {
        "slurp_id": number, "sentence": sentence, "sentence_annotation": sentence, "intent": intent, "action": action,
        "tokens": [], "scenario": scenario, "recordings": recorded, "entities": [],
    }  # fmt: skip


WAKE = entry(
    4489, "wake me up at eight o'clock", "alarm_set", ["audio--1504194195-headset.flac", "audio-1492784000.flac"]
)
MEET = entry(6744, "put meeting with pawel for tomorrow ten am", "calendar_set", ["audio-1490261122.flac"])
REMIND = entry(9054, "event reminder mona tuesday", "calendar_set", ["audio-1497872916-headset.flac"])
SPEAKERS = {
    "audio--1504194195-headset.flac": "FO-488",
    "audio-1492784000.flac": "UNK-323",
    "audio-1490261122.flac": "FE-145",
    "audio-1497872916-headset.flac": "FO-488",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lists = tmp_path / "datasets" / "SLURP"
    lists.mkdir(parents=True)
    for name, line in (("train", WAKE), ("devel", MEET), ("test", REMIND)):
        (lists / f"{name}.jsonl").write_text(json.dumps(line) + "\n")
    metadata = {
        str(line["slurp_id"]): {"recordings": {r["file"]: {"usrid": SPEAKERS[r["file"]]} for r in line["recordings"]}}
        for line in (WAKE, MEET, REMIND)
    }
    (lists / "metadata.json").write_text(json.dumps(metadata))
    real = lay_out(tmp_path / "packing" / "slurp_real", SPEAKERS)
    mirror(monkeypatch, Slurp, tarred(tmp_path / "datasets" / "slurp_real.tar.gz", real))
    monkeypatch.setattr(Slurp, "lists", tuple(RemoteFile(remote.path) for remote in Slurp.lists))
    monkeypatch.setattr(Slurp, "expected", Count(4))
    return tmp_path


def test_utterances(root: Path) -> None:
    data = Slurp()
    assert data.state().access is Access.FETCH
    data.fetch()
    found = list(data.utterances())
    assert [u.labels["split"] for u in found] == ["train", "train", "dev", "test"]
    assert [u.labels["label"] for u in found] == ["alarm_set", "alarm_set", "calendar_set", "calendar_set"]
    assert found[0].id == "audio--1504194195-headset"
    assert found[0].text == "wake me up at eight o'clock"
    assert found[0].path == home() / "datasets/slurp_real/audio--1504194195-headset.flac"
    assert [u.speaker for u in found] == ["FO-488", "UNK-323", "FE-145", "FO-488"]
    assert (found[2].labels["scenario"], found[2].labels["action"]) == ("calendar", "set")
    assert data.notes() == ["slurp: 1 of the 1 speakers of the test split are in training, too"]


def test_annotations_beside_the_recordings(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (root / "datasets/SLURP").iterdir():
        path.rename(root / "packing" / path.name)
    monkeypatch.delenv("CODEC_BENCH_MIRROR")
    assert len(list(Slurp(root / "packing").utterances())) == 4


def test_damaged_annotations(root: Path) -> None:
    (root / "datasets/SLURP/devel.jsonl").write_text('{"slurp_id": 1}\n')
    with pytest.raises(UnavailableError, match=r"annotations of slurp are not those of 8eb16545762b.*intent"):
        Slurp(root / "packing").utterances()
