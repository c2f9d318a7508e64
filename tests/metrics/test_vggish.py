"""VGGish against what its port computes: shapes and names of the checkpoint, and the front end by its definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codec_bench.audio import Audio
from codec_bench.metrics.checkpoints import Weights
from codec_bench.metrics.model import run_model
from codec_bench.metrics.vggish import WEIGHTS, embeddings_of, patches, vggish_embeddings
from codec_bench.records import NotScorable
from tests.metrics.material import drawn

LAYERS = {
    "features.0": (64, 1, 3, 3), "features.3": (128, 64, 3, 3), "features.6": (256, 128, 3, 3),
    "features.8": (256, 256, 3, 3), "features.11": (512, 256, 3, 3), "features.13": (512, 512, 3, 3),
    "embeddings.0": (4096, 12288), "embeddings.2": (4096, 4096), "embeddings.4": (128, 4096),
}  # fmt: skip
"""Shapes of the kernels in the published checkpoint."""

SHAPES = {f"{name}.weight": shape for name, shape in LAYERS.items()}
SHAPES |= {f"{name}.bias": shape[:1] for name, shape in LAYERS.items()}


def tone(seconds: float, hertz: float = 440.0, rate: int = 16_000) -> Audio:
    return Audio((0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32), rate)


def test_the_network_takes_the_tensors_of_the_checkpoint():
    weights = Weights({name: torch.empty(shape, device="meta") for name, shape in SHAPES.items()})
    assert embeddings_of(weights, torch.empty(3, 1, 96, 64, device="meta")).shape == (3, 128)


def test_a_tone_lights_the_band_of_its_frequency():
    centres_mel = np.linspace(1127 * np.log(1 + 125 / 700), 1127 * np.log(1 + 7500 / 700), 66)[1:-1]
    centres = 700 * (np.exp(centres_mel / 1127) - 1)
    for hertz in (500.0, 1500.0, 4000.0):
        loudest = patches(tone(2.0, hertz)).mean(axis=(0, 1)).argmax()
        assert abs(loudest - np.abs(centres - hertz).argmin()) <= 1


def test_front_end_equals_librosa(librosa: Any):
    """The same spectra as librosa gives with a filter bank of HTK's mel scale that is straight in mel."""
    audio = Audio(np.random.default_rng(2).normal(0, 0.1, 48_000).astype(np.float32), 16_000)
    window = np.zeros(512)
    window[:400] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    spectra = np.abs(
        librosa.stft(np.pad(audio.samples, (0, 112)), n_fft=512, hop_length=160, window=window, center=False)
    )
    hertz = librosa.fft_frequencies(sr=16_000, n_fft=512)
    edges = librosa.mel_frequencies(66, fmin=125, fmax=7500, htk=True)
    mel = librosa.hz_to_mel
    expected = np.zeros((64, 257))
    for i in range(64):
        low, centre, high = mel(edges[i : i + 3], htk=True)
        position = mel(hertz, htk=True)
        expected[i] = np.clip(
            np.minimum((position - low) / (centre - low), (high - position) / (high - centre)), 0, None
        )
    expected[:, 0] = 0
    log = np.log(expected @ spectra + 0.01).T
    np.testing.assert_allclose(patches(audio).reshape(-1, 64), log[:288], atol=2e-4)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / WEIGHTS.path
    path.parent.mkdir(parents=True)
    torch.save(drawn(SHAPES), path)
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))


@pytest.mark.slow
def test_batches_give_what_single_signals_give(mirror: None):
    signals = [tone(2.0), tone(0.5), tone(1.0, 900.0)]
    together = run_model(vggish_embeddings.model, signals, "cpu")
    assert isinstance(together[1], NotScorable)
    assert [len(r) for r in (together[0], together[2])] == [2, 1]
    (alone,) = run_model(vggish_embeddings.model, [signals[2]], "cpu")
    np.testing.assert_allclose(together[2], alone, atol=1e-5)
    assert alone.min() < 0  # the last ReLU is left out
