"""ESD in English, on trees with and without folders for the splits."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from codec_bench.datasets.corpus import Count
from codec_bench.datasets.esd import MEN, WOMEN, Esd, EsdDisjoint
from codec_bench.errors import UnavailableError
from tests.datasets.material import lay_out

KEPT = {1: "evaluation", 20: "evaluation", 21: "test", 50: "test", 51: "train", 350: "train"}
"""Of each 350 numbers: the ends of the splits."""
EMOTIONS = ("Neutral", "Angry", "Happy", "Sad", "Surprise")


def names(with_folders: bool) -> list[str]:
    files = []
    for speaker in ("0001", *MEN, *WOMEN):
        for order, emotion in enumerate(EMOTIONS):
            for number, split in KEPT.items():
                folder = f"{speaker}/{emotion}/{split}" if with_folders else f"{speaker}/{emotion}"
                files.append(f"{folder}/{speaker}_{350 * order + number:06}.wav")
        files.append(f"{speaker}/{speaker}.txt")
    return [f"Emotion Speech Dataset/{name}" for name in files]


@pytest.fixture(params=[True, False], ids=["folders", "flat"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Esd, "expected", Count(300, 10))
    return lay_out(tmp_path, names(request.param))


def test_the_official_split_shares_speakers(root: Path) -> None:
    data = Esd(root)
    found = list(data.utterances())
    assert len({u.id for u in found}) == 300
    assert Counter(u.labels["split"] for u in found) == {"train": 100, "dev": 100, "test": 100}
    first = next(u for u in found if u.id == "0012_001401")
    assert (first.labels, first.speaker, first.language) == ({"label": "surprise", "split": "dev"}, "0012", "en")
    by_split = {s: {u.speaker for u in found if u.labels["split"] == s} for s in ("train", "test")}
    assert by_split["train"] == by_split["test"] == {*MEN, *WOMEN}
    assert data.notes() == [f"esd: {Esd.leak}"]


def test_disjoint_folds(root: Path) -> None:
    folds: dict[str, set[str | None]] = {}
    data = EsdDisjoint(root)
    for utterance in data.utterances():
        assert set(utterance.labels) == {"label", "fold"}
        folds.setdefault(utterance.labels["fold"], set()).add(utterance.speaker)
    assert sorted(folds) == list("12345")
    assert all(len(fold & set(MEN)) == len(fold & set(WOMEN)) == 1 for fold in folds.values())
    assert data.notes() == []


def test_one_tree_in_both_layouts_is_refused(tmp_path: Path) -> None:
    lay_out(tmp_path, names(True) + names(False))
    with pytest.raises(UnavailableError, match="twice"):
        Esd(tmp_path).utterances()


def test_another_folder_is_refused(root: Path) -> None:
    path = root / "Emotion Speech Dataset/0011/Bored/0011_000001.wav"
    path.parent.mkdir()
    next(root.rglob("0011_000001.wav")).rename(path)
    with pytest.raises(UnavailableError, match="in no folder of esd"):
        Esd(root).utterances()
