from __future__ import annotations

import math
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codec_bench.audio import Audio, read_audio, resample
from codec_bench.errors import UsageError
from codec_bench.metrics import metric
from codec_bench.metrics.checkpoints import Weights
from codec_bench.metrics.nisqa import (
    NATURALNESS,
    QUALITY,
    _largest,
    mel_spectrogram,
    predict_naturalness,
    scores_at,
)
from codec_bench.metrics.resampling import POLYPHASE
from codec_bench.metrics.signal import Recording
from codec_bench.metrics.spectral import slaney_filterbank
from codec_bench.records import Status
from tests.metrics.material import golden

DIMENSIONS = {"nisqa": "mos", "nisqa.noi": "noi", "nisqa.dis": "dis", "nisqa.col": "col", "nisqa.loud": "loud"}
pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore:n_fft=4096 is too large")]
RATES = [8000, 11_025, 16_000, 24_000, 44_100, 48_000]

ORIGINAL_TTS = {"flite_ref_16k": 3.089303, "espeak_ref_24k": 1.928997, "espeak_noise5_16k": 1.607848}
"""Measured with the code of github.com/gabrielmittag/NISQA at fe84f0f."""

ORIGINAL_RANDOM_TTS = {1: 0.24146318, 2: 0.03162533, 37: -0.40511554}
"""The same code's output for `random_tts_weights` and that many segments of `random_segments`."""


@pytest.fixture
def weights(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(shared))
    return shared


def wave(shared: Path, name: str) -> Audio:
    return read_audio(shared / "golden" / "metrics" / f"{name}.wav")


def test_golden_values(weights: Path) -> None:
    singles = golden(weights)["single"]
    assert len(singles) == 8
    for name, values in singles.items():
        recording = Recording(wave(weights, name))  # whose features are computed once
        for dimension, key in DIMENSIONS.items():
            score = metric(dimension).score(None, recording)
            assert float(score) == pytest.approx(values["nisqa_native_sr"][key], abs=1e-4), (name, dimension)


def test_recordings_of_librittts(weights: Path) -> None:
    files = sorted((weights / "data" / "testB_pairs" / "GT").glob("*.flac"))
    assert len(files) == 32
    audios = [read_audio(file) for file in files]
    scores = [float(metric("nisqa")(decoded=audio.samples, rate=audio.rate)) for audio in audios]
    assert np.mean(scores) == pytest.approx(3.97, abs=0.01)


@pytest.fixture
def torchmetrics_nisqa(librosa: Any, weights: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    from torchmetrics.functional.audio import nisqa

    nisqa._load_nisqa_model.cache_clear()
    monkeypatch.setattr(nisqa, "NISQA_DIR", str(weights / "models" / "nisqa"))
    return lambda audio: nisqa.non_intrusive_speech_quality_assessment(torch.from_numpy(audio.samples), audio.rate)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
@pytest.mark.parametrize("seconds", [0.15, 2.0])
def test_equals_torchmetrics(weights: Path, torchmetrics_nisqa: Any, rate: int, seconds: float) -> None:
    whole = resample(wave(weights, "espeak_noise20_16k"), rate)
    audio = Audio(whole.samples[rate : rate + int(seconds * rate)], rate)
    np.testing.assert_allclose(scores_at(QUALITY).function(audio), torchmetrics_nisqa(audio).numpy(), atol=1e-5)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("network", [QUALITY, NATURALNESS], ids=["nisqa", "nisqa_tts"])
def test_front_end_equals_librosa(librosa: Any, shared: Path, rate: int, network: Any) -> None:
    audio = resample(wave(shared, "flite_ref_16k"), rate)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Empty filters")
        filters = librosa.filters.mel(sr=rate, n_fft=4096, n_mels=48, fmin=0.0, fmax=network.top_hz)
        spectrum = np.abs(
            librosa.stft(audio.samples, n_fft=4096, hop_length=rate // 100, win_length=rate // 50, pad_mode="reflect")
        )
    np.testing.assert_allclose(slaney_filterbank(rate, 4096, 48, network.top_hz), filters, atol=1e-9)
    expected = librosa.amplitude_to_db(filters @ spectrum, ref=1.0, amin=1e-4, top_db=80.0)
    np.testing.assert_allclose(mel_spectrogram(audio, network.top_hz).numpy(), expected, atol=5e-3)


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_shortest_and_longest_signal(weights: Path, torchmetrics_nisqa: Any, rate: int) -> None:
    hop = rate // 100
    noise = np.random.default_rng(0).normal(0, 0.1, 5300 * hop).astype(np.float32)
    for samples in (14 * hop - 1, 5214 * hop):
        with pytest.raises(RuntimeError, match=r"too short|exceeded"):
            torchmetrics_nisqa(Audio(noise[:samples], rate))
    short = metric("nisqa")(decoded=noise[: 14 * hop - 1], rate=rate)
    assert (short.status, short.reason) == (Status.TOO_SHORT, "0.14 s: NISQA needs 0.14 s")
    assert metric("nisqa")(decoded=noise[: 14 * hop], rate=rate).status is Status.OK
    assert metric("nisqa")(decoded=noise[: 5214 * hop], rate=rate).status is Status.UNDEFINED
    if rate == 8000:
        assert metric("nisqa")(decoded=noise[: 5214 * hop - 1], rate=rate).status is Status.OK


def test_long_signals_are_convolved_in_parts(monkeypatch: pytest.MonkeyPatch, weights: Path) -> None:
    audio = wave(weights, "flite_ref_16k")
    whole = scores_at(QUALITY).function(audio)
    monkeypatch.setattr("codec_bench.metrics.nisqa._AT_ONCE", 7)
    np.testing.assert_allclose(scores_at(QUALITY).function(audio), whole, atol=1e-5)


def test_a_variant_is_a_rate(weights: Path) -> None:
    audio = wave(weights, "espeak_noise5_16k")
    wide = POLYPHASE(audio, 48_000)
    for name in ("nisqa", "nisqa.col"):
        variant = metric(f"{name}[48000]")
        assert variant.label == f"{name}[48000]"
        at_48k = float(variant(decoded=audio.samples, rate=16_000))
        assert at_48k == float(metric(name)(decoded=wide.samples, rate=48_000))
        assert abs(at_48k - float(metric(name)(decoded=audio.samples, rate=16_000))) > 0.01
        assert variant.fingerprint != metric(name).fingerprint


@pytest.mark.parametrize(
    "variant", ["", "fast", "016000", "16000.0", "-16000", "7999", "192001", "\u0661\u0666\u0660\u0660\u0660"]
)
def test_a_variant_that_is_no_rate(variant: str) -> None:
    with pytest.raises(UsageError, match=r"nisqa\[16000\]"):
        metric(f"nisqa.noi[{variant}]")


def test_the_scales_share_one_computation() -> None:
    features = {feature.fingerprint for name in DIMENSIONS for feature, _ in metric(name).models}
    assert len(features) == 1
    assert len({metric(name).fingerprint for name in DIMENSIONS}) == 5
    assert [rate for _, rate in metric("nisqa").models] == [0]
    assert metric("nisqa").weights == (QUALITY.file,)
    assert metric("nisqa_tts").weights == (NATURALNESS.file,)
    assert {feature.model.licence for feature, _ in metric("nisqa").models} == {"CC BY-NC-SA 4.0"}


def random_tts_weights() -> Weights:
    """A checkpoint of NISQA-TTS's real layout; the stream of RandomState is the same in every version of NumPy."""
    shapes: dict[str, tuple[int, ...]] = {}
    channels = (1, 16, 32, 64, 64, 64, 64)
    for layer, (before, after) in enumerate(pairwise(channels), 1):
        shapes[f"cnn.model.conv{layer}.weight"] = (after, before, 3, 3)
        for name in ("conv{}.bias", "bn{}.weight", "bn{}.bias", "bn{}.running_mean", "bn{}.running_var"):
            shapes[f"cnn.model.{name.format(layer)}"] = (after,)
    shapes |= {"cnn.model.fc_out.weight": (20, 768), "cnn.model.fc_out.bias": (20,)}
    for end in ("l0", "l0_reverse"):
        lstm = "time_dependency.model.lstm."
        shapes |= {f"{lstm}weight_ih_{end}": (512, 20), f"{lstm}weight_hh_{end}": (512, 128)}
        shapes |= {f"{lstm}bias_ih_{end}": (512,), f"{lstm}bias_hh_{end}": (512,)}
    shapes |= {"pool.model.linear.weight": (1, 256), "pool.model.linear.bias": (1,)}
    random = np.random.RandomState(0)
    weights = {}
    for name in sorted(shapes):
        values = random.standard_normal(shapes[name]) / math.sqrt(math.prod(shapes[name][1:]))
        values = 0.5 + np.abs(values) if name.endswith("running_var") else values
        weights[name] = torch.from_numpy(values.astype(np.float32))
    return Weights(weights)


def random_segments(count: int) -> torch.Tensor:
    return torch.from_numpy(np.random.RandomState(count).uniform(-80, 0, (count, 1, 48, 15)).astype(np.float32))


@pytest.mark.parametrize("segments", list(ORIGINAL_RANDOM_TTS))
def test_tts_network_equals_the_original(segments: int, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, x = random_tts_weights(), random_segments(segments)
    before = torch.get_rng_state()
    with torch.inference_mode():
        assert float(predict_naturalness(weights, x)) == pytest.approx(ORIGINAL_RANDOM_TTS[segments], abs=1e-5)
        monkeypatch.setattr("codec_bench.metrics.nisqa._AT_ONCE", 5)
        assert float(predict_naturalness(weights, x)) == pytest.approx(ORIGINAL_RANDOM_TTS[segments], abs=1e-5)
    assert torch.equal(torch.get_rng_state(), before)


def test_tts_golden_values(weights: Path) -> None:
    if not (weights / NATURALNESS.file.path).is_file():
        pytest.skip("the weights of NISQA-TTS are not beside the repository")
    for name, expected in ORIGINAL_TTS.items():
        audio = wave(weights, name)
        assert float(metric("nisqa_tts")(decoded=audio.samples, rate=audio.rate)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("size", "wanted"), [((48, 15), (24, 7)), ((24, 7), (12, 5)), ((12, 5), (6, 3))])
def test_the_largest_of_windows_are_those_of_torch(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    x = torch.randn(3, 4, *size, generator=torch.Generator().manual_seed(0))
    assert torch.equal(_largest(x, wanted), torch.nn.functional.adaptive_max_pool2d(x, wanted))
