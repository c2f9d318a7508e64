"""RAVDESS, from a zip without a top folder, and on real names."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from pathlib import Path

import pytest

from codec_bench.datasets.corpus import Count
from codec_bench.datasets.ravdess import Ravdess, RavdessDisjoint
from codec_bench.hub import home
from tests.datasets.material import lay_out, manifest_rows, mirror, unpacked, zipped


def names() -> list[str]:
    """All 1,440 names: neutral is never strong."""
    takes = itertools.product(range(1, 9), (1, 2), (1, 2), (1, 2), range(1, 25))
    return [
        f"Actor_{actor:02}/03-01-{emotion:02}-{strength:02}-{text:02}-{take:02}-{actor:02}.wav"
        for emotion, strength, text, take, actor in takes
        if (emotion, strength) != (1, 2)
    ]


@pytest.mark.long
def test_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = dict.fromkeys([*names(), "Actor_01/.DS_Store", "__MACOSX/Actor_01/._x.wav"], "RIFF")
    mirror(monkeypatch, Ravdess, zipped(tmp_path / "datasets/Audio_Speech_Actors_01-24.zip", files))
    data = Ravdess()
    data.fetch()
    found = list(data.utterances())
    assert Counter(u.labels["split"] for u in found) == {"train": 921, "dev": 231, "test": 288}
    assert len({u.labels["label"] for u in found}) == 8
    assert found[0].path == home() / "datasets/RAVDESS/Actor_01/03-01-01-01-01-01-01.wav"
    assert unpacked(home() / "datasets/RAVDESS") == set(names())
    order = sorted(
        (u.id for u in found), key=lambda id_: hashlib.sha256(f"codec-bench/ravdess/{id_}".encode()).digest()
    )
    assert {u.id for u in found if u.labels["split"] == "test"} == set(order[:288])
    assert {u.id for u in found if u.labels["split"] == "dev"} == set(order[288 : 288 + 231])

    by_split = {s: {u.speaker for u in found if u.labels["split"] == s} for s in ("train", "test")}
    assert by_split["train"] == by_split["test"]
    assert data.notes() == [f"ravdess: {Ravdess.leak}"]

    disjoint = RavdessDisjoint()
    folds: dict[str, set[str | None]] = {}
    for utterance in disjoint.utterances():
        assert "split" not in utterance.labels
        folds.setdefault(utterance.labels["fold"], set()).add(utterance.speaker)
    assert sorted(folds) == list("123456")
    assert all(len(actors) == 4 and sum(int(a or 0) % 2 for a in actors) == 2 for actors in folds.values())
    assert len(set().union(*folds.values())) == 24
    assert disjoint.notes() == []


def test_real_names(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = manifest_rows(shared, "emotion")
    monkeypatch.setattr(Ravdess, "expected", Count(256, 16))
    lay_out(tmp_path / "RAVDESS", (row["source_path"].removeprefix("RavdessDataSet/") for row in rows))
    found = {u.id: u for u in Ravdess(tmp_path).utterances()}
    assert len(found) == 256
    for row in rows:
        utterance = found[row["source_id"]]
        assert utterance.labels["label"] == row["label"]
        assert f"ravdess-{utterance.speaker}" == row["speaker"]
        assert (utterance.text, utterance.language) == (row["transcript"], row["language"])
