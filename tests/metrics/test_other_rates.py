"""Scores of files at other rates, from end to end: what the programs of the metrics' authors make of the same file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from codec_bench.metrics import metric, utmos
from codec_bench.metrics.model import free_models
from tests.metrics.test_resampling import RATES, speech, wav
from tests.metrics.test_utmos import checkpoint

pytestmark = pytest.mark.long


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    free_models()
    yield tmp_path
    free_models()


def published(mirror: Path, file: Any, tensors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sha256", "size"):
        monkeypatch.setitem(file.__dict__, name, None)
    (mirror / file.path).parent.mkdir(parents=True, exist_ok=True)
    torch.save(tensors, mirror / file.path)


UTMOS_BY_SPEECHMOS = {8000: 1.5031254, 22_050: 1.5051262, 24_000: 1.505054, 44_100: 1.5050714, 48_000: 1.5050746}
"""`UTMOS22Strong.forward(wave, sr)` of SpeechMOS 1.2.0, cut to two layers, with `checkpoint()`, of `speech(sr)`."""


def test_utmos_is_that_of_speechmos(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utmos, "LAYERS", 2)
    published(mirror, utmos.WEIGHTS, checkpoint(), monkeypatch)
    scores = {rate: float(metric("utmos")(decoded=speech(rate).samples, rate=rate)) for rate in RATES}
    assert scores == pytest.approx(UTMOS_BY_SPEECHMOS, abs=2e-6)  # at 44.1 and 48 kHz they are 3e-6 apart


@pytest.mark.parametrize("rate", [44_100])
def test_dnsmos_of_a_file_is_that_of_its_package(rate: int, tmp_path: Path) -> None:
    package = pytest.importorskip("speechmos.dnsmos")
    import librosa

    path = tmp_path / "speech.wav"
    path.write_bytes(wav(speech(rate)))
    expected = package.run(librosa.load(path, sr=16_000)[0], 16_000)
    ours = metric("dnsmos")(decoded=speech(rate).samples, rate=rate)
    # A sample less, and the repeated signal had a window less: 2.27 and not 2.41 at 44.1 kHz.
    assert float(ours) == pytest.approx(expected["ovrl_mos"], abs=1e-4)
