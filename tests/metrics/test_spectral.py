from __future__ import annotations

from pathlib import Path
from typing import Any

import auraloss
import librosa
import numpy as np
import pytest
import torch

from codec_bench.metrics import metric
from codec_bench.metrics.spectral import slaney_filterbank
from codec_bench.records import Status
from tests.metrics.material import codec_pairs, noise

RATE = 16_000
NAMES = ("mel_distance", "stft_distance", "mr_stft", "mr_mel")


def loss(name: str) -> Any:
    if name == "mel_distance":
        return auraloss.freq.MelSTFTLoss(RATE, fft_size=2048, hop_size=256, win_length=2048, n_mels=128)
    if name == "stft_distance":
        return auraloss.freq.STFTLoss(fft_size=2048, hop_size=512, win_length=2048)
    if name == "mr_stft":
        return auraloss.freq.MultiResolutionSTFTLoss()
    return auraloss.freq.MultiResolutionSTFTLoss(w_sc=0.0, scale="mel", n_bins=80, sample_rate=RATE)


def auraloss_value(name: str, reference: Any, decoded: Any, dtype: torch.dtype = torch.float32) -> float:
    module = loss(name).to(dtype)
    for part in getattr(module, "stft_losses", [module]):
        part.window = part.window.to(dtype)  # not registered as a buffer
    return float(module(*(torch.as_tensor(np.asarray(s), dtype=dtype)[None, None] for s in (decoded, reference))))


@pytest.mark.parametrize("samples", [1025, 1026, 2047, 2048, 5000, 16_001, 61_440])
@pytest.mark.parametrize("name", NAMES)
def test_equals_auraloss_on_noise_of_any_length(name: str, samples: int) -> None:
    reference, decoded = noise(samples), 0.6 * noise(samples) + 0.2 * noise(samples, 1)
    value = float(metric(name)(reference, decoded, RATE))
    assert value == pytest.approx(auraloss_value(name, reference, decoded), abs=1e-4)
    assert value == pytest.approx(auraloss_value(name, reference, decoded, torch.float64), abs=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_equals_auraloss_on_real_codecs(shared: Path, name: str) -> None:
    for reference, decoded in (pair for system in ("EnCodec", "LLM-Codec") for pair in codec_pairs(shared, system, 2)):
        length = min(len(decoded), len(reference))
        expected = auraloss_value(name, reference[:length], decoded[:length], torch.float64)
        assert float(metric(name)(reference, decoded, RATE)) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_equals_auraloss_with_digital_silence_inside(name: str) -> None:
    gap = (np.arange(3 * RATE) // 8000) % 2
    reference, decoded = noise(3 * RATE) * gap, noise(3 * RATE, 1) * np.roll(gap, 2000)
    expected = auraloss_value(name, reference, decoded, torch.float64)
    assert float(metric(name)(reference, decoded, RATE)) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_identity_is_zero_and_worse_is_larger(name: str) -> None:
    reference = noise(RATE)
    values = [float(metric(name)(reference, reference + gain * noise(RATE, 1), RATE)) for gain in (0, 0.01, 0.1, 1)]
    assert values[0] == 0
    assert values == sorted(values)
    assert values[1] > 0.001


def test_symmetry() -> None:
    pair = noise(RATE), 0.3 * noise(RATE, 1)
    assert float(metric("mr_mel")(*pair, RATE)) == pytest.approx(float(metric("mr_mel")(*pair[::-1], RATE)), abs=1e-6)
    for name in ("mel_distance", "stft_distance", "mr_stft"):
        assert abs(float(metric(name)(*pair, RATE)) - float(metric(name)(*pair[::-1], RATE))) > 0.1


def test_a_silent_reference_would_have_a_distance_that_must_not_be_averaged() -> None:
    voice, rest = noise(RATE), np.zeros(RATE, np.float32)
    assert auraloss_value("stft_distance", rest, voice) > 1000
    score = metric("stft_distance")(np.append(rest, voice), voice, RATE)
    assert (score.value, score.status) == (None, Status.SILENT)


@pytest.mark.parametrize("name", NAMES)
def test_too_short(name: str) -> None:
    score = metric(name)(noise(1024), noise(1024, 1), RATE)
    assert (score.value, score.status) == (None, Status.TOO_SHORT)
    assert metric(name)(noise(1025), noise(1025, 1), RATE).status is Status.OK


@pytest.mark.parametrize(("rate", "fft", "mels"), [
    (16_000, 2048, 128), (16_000, 2048, 80), (16_000, 1024, 80), (16_000, 512, 80), (16_000, 400, 40),
    (24_000, 512, 64),
])  # fmt: skip
def test_filterbank_equals_librosa(rate: int, fft: int, mels: int) -> None:
    bank = slaney_filterbank(rate, fft, mels)
    np.testing.assert_allclose(bank, librosa.filters.mel(sr=rate, n_fft=fft, n_mels=mels), rtol=1e-5, atol=1e-9)
    assert (bank.sum(axis=1) > 0).all(), "an empty band would be the logarithm of zero"


def test_notes_say_what_cannot_be_compared() -> None:
    for name in ("mr_stft", "mr_mel"):
        assert "LongCat" in metric(name).note
        assert "cannot be compared" in metric(name).note
