"""AudioMNIST, from a zip as GitHub packs a commit."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import pytest

from codec_bench.datasets.audiomnist import COMMIT, FOLDS, AudioMnist
from codec_bench.datasets.corpus import Count
from codec_bench.hub import home


def test_five_folds_of_twelve_speakers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AudioMnist, "expected", Count(600, 60))
    archive = tmp_path / "datasets" / f"{COMMIT}.zip"  # the name that a browser gives it
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as packing:
        for speaker in range(1, 61):
            for digit in range(10):
                packing.writestr(f"AudioMNIST-{COMMIT}/data/{speaker:02}/{digit}_{speaker:02}_0.wav", "RIFF")
        packing.writestr(f"AudioMNIST-{COMMIT}/data/audioMNIST_meta.txt", "{}")
        packing.writestr(f"AudioMNIST-{COMMIT}/data/36/notes.txt", "")
        packing.writestr(f"AudioMNIST-{COMMIT}/models/AlexNet.caffemodel", "")
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
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
