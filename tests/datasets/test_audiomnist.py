"""AudioMNIST, from a zip as GitHub packs a commit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from codec_bench.datasets.audiomnist import COMMIT, FOLDS, AudioMnist
from codec_bench.datasets.corpus import Count
from codec_bench.hub import home
from tests.datasets.material import mirror, zipped


def test_five_folds_of_twelve_speakers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AudioMnist, "expected", Count(600, 60))
    top = f"AudioMNIST-{COMMIT}"
    names = [f"{top}/data/{s:02}/{digit}_{s:02}_0.wav" for s in range(1, 61) for digit in range(10)]
    names += [f"{top}/data/audioMNIST_meta.txt", f"{top}/data/36/notes.txt", f"{top}/models/AlexNet.caffemodel"]
    # The name that a browser gives it.
    mirror(monkeypatch, AudioMnist, zipped(tmp_path / "datasets" / f"{COMMIT}.zip", dict.fromkeys(names, "RIFF")))
    data = AudioMnist()
    data.fetch()
    found = list(data.utterances())
    assert len(found) == 600
    folds: dict[str, set[str | None]] = {}
    for utterance in found:
        folds.setdefault(utterance.labels["fold"], set()).add(utterance.speaker)
    assert sorted(folds) == list("12345")
    assert [len(speakers) for speakers in folds.values()] == [12] * 5
    assert len(set().union(*folds.values())) == 60
    assert (FOLDS["12"], FOLDS["04"], FOLDS["60"], FOLDS["49"]) == ("1", "1", "2", "5")  # as in ARCH's audio_mnist.py
    assert Counter(u.labels["label"] for u in found) == {str(digit): 60 for digit in range(10)}
    seven = next(u for u in found if u.id == "7_05_0")
    assert (seven.text, seven.speaker, seven.language) == ("seven", "05", "en")
    assert seven.path == home() / f"datasets/AudioMNIST-{COMMIT}/data/05/7_05_0.wav"
    assert not (home() / f"datasets/AudioMNIST-{COMMIT}/models").exists()
