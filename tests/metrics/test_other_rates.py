"""Scores of files at other rates, from end to end: what the programs of the metrics' authors make of the same file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codec_bench.audio import Audio
from codec_bench.metrics import metric, sigmos, utmos
from codec_bench.metrics.model import free_models
from codec_bench.metrics.signal import Recording
from codec_bench.metrics.speaker import wavlm_large
from tests.metrics.material import DATA, drawn
from tests.metrics.test_resampling import RATES, librosa, speech, torchaudio, wav
from tests.metrics.test_sigmos import by_hand, write_stand_in
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


def test_wavlm_large_hears_torchaudios_resampler(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """UniSpeech's `verification.py` has its defaults; test_speaker.py compares the network with its authors'."""
    shapes = json.loads((DATA / "speaker/wavlm_large.json").read_text())["shapes"]
    published(mirror, wavlm_large.WAVLM_LARGE, {"model": drawn(shapes)}, monkeypatch)
    ((feature, at),) = metric("spk_sim[wavlm-large]").models
    expected = feature.function(Audio(torchaudio(speech(24_000), at), at))
    np.testing.assert_allclose(Recording(speech(24_000)).feature(feature, at), expected, rtol=2e-3, atol=2e-4)


@pytest.mark.usefixtures("librosa")
@pytest.mark.parametrize("rate", RATES)
def test_sigmos_hears_librosas_fft(rate: int, mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`SigMOS.run` resamples with `librosa.resample(..., res_type="fft")`."""
    (file,) = sigmos.MODEL.weights
    for name in ("sha256", "size"):
        monkeypatch.setitem(file.__dict__, name, None)
    write_stand_in(mirror / file.path)
    heard = speech(rate).samples if rate == 48_000 else librosa(speech(rate), 48_000, "fft")
    expected = by_hand(sigmos.spectral_features(np.asarray(heard, np.float32)))[6]
    assert float(metric("sigmos")(decoded=speech(rate).samples, rate=rate)) == pytest.approx(float(expected), abs=2e-4)


@pytest.mark.usefixtures("librosa")
@pytest.mark.parametrize("rate", [44_100])
def test_dnsmos_of_a_file_is_that_of_its_package(rate: int, tmp_path: Path) -> None:
    package = pytest.importorskip("speechmos.dnsmos")
    from librosa import load

    path = tmp_path / "speech.wav"
    path.write_bytes(wav(speech(rate)))
    expected = package.run(load(path, sr=16_000)[0], 16_000)
    ours = metric("dnsmos")(decoded=speech(rate).samples, rate=rate)
    # A sample less, and the repeated signal had a window less: 2.27 and not 2.41 at 44.1 kHz.
    assert float(ours) == pytest.approx(expected["ovrl_mos"], abs=1e-4)
