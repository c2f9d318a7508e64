from __future__ import annotations

from pathlib import Path
from typing import Any

import auraloss
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
def test_filterbank_equals_librosa(librosa: Any, rate: int, fft: int, mels: int) -> None:
    bank = slaney_filterbank(rate, fft, mels)
    np.testing.assert_allclose(bank, librosa.filters.mel(sr=rate, n_fft=fft, n_mels=mels), rtol=1e-5, atol=1e-9)
    assert (bank.sum(axis=1) > 0).all(), "an empty band would be the logarithm of zero"


def test_notes_say_what_cannot_be_compared() -> None:
    for name in ("mr_stft", "mr_mel"):
        assert "LongCat" in metric(name).note
        assert "cannot be compared" in metric(name).note


# Values of descript-audio-codec c7cfc5d with audiotools 348ebf2 for the first five pairs, cut to the shorter signal.
DAC = {
    ("mel_dac", "EnCodec"): (1.830488, 1.715017, 1.813868, 1.813582, 1.774853),
    ("mel_dac_eval", "EnCodec"): (1.285398, 1.096694, 1.242210, 1.206031, 1.184612),
    ("stft_dac", "EnCodec"): (2.600982, 2.456793, 2.805066, 2.587492, 2.591362),
    ("mel_dac", "LLM-Codec"): (1.891814, 1.799820, 1.759877, 1.754824, 1.681692),
    ("mel_dac_eval", "LLM-Codec"): (1.191498, 0.984482, 1.048529, 1.035761, 1.000468),
    ("stft_dac", "LLM-Codec"): (2.474470, 2.268628, 2.465515, 2.284362, 2.349725),
}


@pytest.mark.parametrize(("name", "system"), list(DAC))
def test_equals_dac(shared: Path, name: str, system: str) -> None:
    for (reference, decoded), expected in zip(codec_pairs(shared, system, 5), DAC[name, system], strict=True):
        assert float(metric(name)(reference, decoded, RATE)) == pytest.approx(expected, abs=2e-5)


def test_lsd_of_a_gain_is_the_gain_and_equals_librosa(librosa: Any, shared: Path) -> None:
    sound = noise(RATE)
    assert float(metric("lsd")(sound, 2 * sound, RATE)) == pytest.approx(20 * np.log10(2), abs=1e-4)
    ((reference, decoded),) = codec_pairs(shared, "EnCodec", 1)
    length = min(len(reference), len(decoded))
    spectra = [np.abs(librosa.stft(x[:length], n_fft=2048, pad_mode="reflect")) for x in (reference, decoded)]
    levels = [20 * np.log10(np.maximum(x, spectra[0].max() * 1e-4)) for x in spectra]
    expected = np.sqrt(np.mean((levels[0] - levels[1]) ** 2, axis=0)).mean()
    assert float(metric("lsd")(reference, decoded, RATE)) == pytest.approx(float(expected), abs=1e-3)


@pytest.mark.parametrize("name", ["mel_dac", "mel_dac_eval", "stft_dac", "lsd"])
def test_distances_of_copies_and_of_little(name: str) -> None:
    assert float(metric(name)(noise(RATE), noise(RATE), RATE)) == 0
    assert metric(name)(noise(1024), noise(1024), RATE).status is Status.TOO_SHORT
