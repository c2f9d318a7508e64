"""EMOVO, on a tree of its names."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from codec_bench.datasets.dataset import Access
from codec_bench.datasets.emovo import Emovo
from codec_bench.errors import UnavailableError

SENTENCES = ("b1", "b2", "b3", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5", "d1", "d2")
CODES = ("dis", "gio", "neu", "pau", "rab", "sor", "tri")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for speaker in ("f1", "f2", "f3", "m1", "m2", "m3"):
        folder = tmp_path / "EMOVO" / speaker
        folder.mkdir(parents=True)
        for code in CODES:
            for sentence in SENTENCES:
                (folder / f"{code}-{speaker}-{sentence}.wav").touch()
    (tmp_path / "EMOVO" / "documents").mkdir()
    return tmp_path


def test_a_fold_is_a_speaker(root: Path) -> None:
    data = Emovo(root)
    found = list(data.utterances())
    assert len(found) == 588
    assert data.notes() == []
    assert {(u.labels["fold"], u.speaker) for u in found} == {
        ("1", "f1"), ("2", "f2"), ("3", "f3"), ("4", "m1"), ("5", "m2"), ("6", "m3"),
    }  # fmt: skip
    assert set(Counter(u.labels["label"] for u in found).values()) == {84}
    rage = next(u for u in found if u.id == "rab-m2-l4")
    assert (rage.labels["label"], rage.labels["sentence"], rage.language) == ("anger", "l4", "it")


def test_another_number_is_noted(root: Path) -> None:
    (root / "EMOVO/f1/dis-f1-b1.wav").unlink()
    data = Emovo(root)
    assert len(list(data.utterances())) == 587
    assert "587 recordings by 6 speakers; 588 by 6 are generally stated" in data.notes()[0]


def test_nobody_publishes_it() -> None:
    assert Emovo().state().access is Access.NOWHERE
    with pytest.raises(UnavailableError, match="--data-root"):
        Emovo().fetch()
