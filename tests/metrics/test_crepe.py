from __future__ import annotations

import json
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from codec_bench.audio import Audio
from codec_bench.metrics import crepe
from codec_bench.metrics.checkpoints import Weights
from codec_bench.metrics.crepe import frames_of, is_silent, most_likely_path, periodicity_of, pitch_probabilities
from codec_bench.metrics.crepe import voicing_f1_crepe as f1
from codec_bench.metrics.signal import Feature
from codec_bench.records import NotScorable, Status
from tests.metrics.material import DATA, drawn

RATE = 16_000


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return soundfile.read(DATA / "visqol" / "CA01_01.flac", dtype="float32")[0][20_000:60_000]


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return json.loads((DATA / "crepe" / "tiny.json").read_text())


@pytest.fixture(scope="module")
def weights(golden: dict[str, Any]) -> Weights:
    return Weights(drawn(golden["shapes"]))


def test_the_network_is_that_of_torchcrepe(golden: dict[str, Any], weights: Weights, speech: np.ndarray) -> None:
    frames = frames_of(speech)
    assert frames.shape == (golden["frames"], 1024)
    with torch.no_grad():
        probabilities = pitch_probabilities(weights, torch.from_numpy(frames[golden["frame"]])[None])
    np.testing.assert_allclose(probabilities[0].numpy(), golden["probabilities"], atol=1e-5)


def test_the_path_is_that_of_librosa(golden: dict[str, Any]) -> None:
    frame, pitch = np.arange(60)[:, None], np.arange(360)[None]
    where = 180 + 90 * np.sin(frame / 5) + 40 * np.cos(1.7 * frame)
    likelihood = np.exp(-np.abs(pitch - where) / 20) + 0.05 * np.sin(frame * pitch * 0.13) ** 2
    likelihood[30:33, :100] = 0
    likelihood = (likelihood / likelihood.sum(axis=1, keepdims=True)).astype(np.float32)
    assert most_likely_path(likelihood).tolist() == golden["path"]
    assert len(set(golden["path"])) > 20


def test_the_path_ignores_a_jump_that_lasts_one_frame() -> None:
    probabilities = np.full((9, 360), 0.01, np.float32)
    probabilities[:, 100] = 0.9
    probabilities[4, 100], probabilities[4, 150] = 0.8, 0.95
    assert periodicity_of(probabilities) == pytest.approx([0.9] * 4 + [0.8] + [0.9] * 4)


def test_pitches_outside_50_to_550_hz_do_not_count() -> None:
    def probability(hz: float) -> float:
        probabilities = np.full((3, 360), 0.01, np.float32)
        probabilities[:, round((1200 * np.log2(hz / 10) - 1997.3794084376191) / 20)] = 0.9
        return float(periodicity_of(probabilities)[1])

    assert [probability(hz) for hz in (45, 55, 540, 570)] == pytest.approx([0.01, 0.9, 0.9, 0.01])


@pytest.mark.long
@pytest.mark.parametrize("level", [3.0, 10.0])
def test_silence_is_what_librosa_weighs(librosa: Any, speech: np.ndarray, level: float) -> None:
    samples = (level * speech * np.linspace(0, 1, len(speech)) ** 6).astype(np.float32)
    spectrum = torch.stft(
        torch.from_numpy(samples), 1024, 160, window=torch.hann_window(1024), center=False, return_complex=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the logarithm of 0 Hz
        loudness = librosa.perceptual_weighting(
            spectrum.abs().numpy() ** 2, librosa.fft_frequencies(sr=RATE, n_fft=1024)
        )
    mean = loudness.mean(axis=0) - 20
    sure = np.abs(mean + 60) > 0.01
    np.testing.assert_array_equal(is_silent(samples)[sure], (mean < -60)[sure])
    assert 0 < (mean < -60).sum() < len(mean)


@pytest.mark.long
def test_a_batch_equals_single_signals(weights: Weights, speech: np.ndarray) -> None:
    signals = [Audio(speech[:9000], RATE), Audio(speech[9000:14_000], RATE), Audio(speech[:1023], RATE)]
    first, second, short = crepe._apply(weights, signals)
    assert isinstance(short, NotScorable)
    assert short.status is Status.TOO_SHORT
    for result, signal in ((first, signals[0]), (second, signals[1])):
        np.testing.assert_allclose(np.asarray(result), np.asarray(crepe._apply(weights, [signal])[0]), atol=1e-6)
        assert np.asarray(result).shape == (1 + (len(signal) - 1024) // 160,)


def score(reference: list[float], decoded: list[float]) -> Any:
    """The metric with tracks that are given, told apart by the lengths of their signals."""
    tracks = {2 * RATE: np.array(reference, np.float32), RATE: np.array(decoded, np.float32)}
    given = Feature("given", lambda audio: tracks[len(audio)])
    return replace(f1, params={"periodicity": given})(np.ones(2 * RATE), np.ones(RATE), RATE)


def test_f1() -> None:
    assert float(score([0.9, 0.21, 0.2, 0.0, 0.5], [0.9, 0.1, 0.3, 0.0])) == pytest.approx(2 / 4)
    assert float(score([0.9, 0.9, 0.0], [0.0, 0.0, 0.9])) == 0
    assert score([0.1, 0.2], [0.0, 0.1]).status is Status.UNVOICED
