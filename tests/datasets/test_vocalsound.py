"""VocalSound, from a zip without a top folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codec_bench.datasets.corpus import Count
from codec_bench.datasets.vocalsound import CLASSES, VocalSound
from codec_bench.errors import UnavailableError
from codec_bench.hub import home
from tests.datasets.material import zipped

SPEAKERS = {"tr": ["f0003_0", "m0004_0"], "val": ["f0005_0"], "te": ["m0006_0"]}


def packed(folder: Path, speakers: dict[str, list[str]]) -> None:
    files = {"datafiles/subtest/te_male.json": "{}", "readme.txt": ""}
    for split, names in speakers.items():
        stems = [f"{name}_{sound}" for name in names for sound in CLASSES]
        entries = [{"wav": f"/data/sls/vocalsound/audio_16k/{stem}.wav", "labels": "/m/01b_21"} for stem in stems]
        files |= {f"datafiles/{split}.json": json.dumps({"data": entries})}
        files |= {f"audio_16k/{stem}.wav": "RIFF" for stem in stems}
    zipped(folder / "datasets" / "vs_release_16k.zip", files)


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VocalSound, "expected", Count(24))
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")


def test_published_splits(tmp_path: Path) -> None:
    packed(tmp_path, SPEAKERS)
    data = VocalSound()
    data.fetch()
    found = list(data.utterances())
    assert [u.labels["split"] for u in found] == ["train"] * 12 + ["dev"] * 6 + ["test"] * 6
    assert [u.labels["label"] for u in found[:6]] == list(CLASSES)
    assert found[0].path == home() / "datasets/VocalSound/audio_16k/f0003_0_cough.wav"
    assert {u.speaker for u in found} == {"f0003", "m0004", "f0005", "m0006"}
    assert {(u.language, u.text) for u in found} == {(None, None)}
    assert data.notes() == []
    assert not (home() / "datasets/VocalSound/readme.txt").exists()


def test_people_in_training_and_test_are_noted(tmp_path: Path) -> None:
    packed(tmp_path, SPEAKERS | {"te": ["f0003_1"]})
    data = VocalSound()
    data.fetch()
    assert len(list(data.utterances())) == 24
    assert data.notes() == ["vocalsound: 1 of the 1 speakers of the test split are in training, too"]


def test_incomplete(tmp_path: Path) -> None:
    packed(tmp_path, SPEAKERS)
    VocalSound().fetch()
    (home() / "datasets/VocalSound/audio_16k/f0005_0_sigh.wav").unlink()
    with pytest.raises(UnavailableError, match=r"lacks f0005_0_sigh\.wav of val\.json"):
        VocalSound().utterances()
    (home() / "datasets/VocalSound/datafiles/tr.json").write_text("[]")
    with pytest.raises(UnavailableError, match=r"tr\.json is not a list"):
        VocalSound().utterances()
