"""Mel-cepstral distortion: against pysptk, against a closed form, and the two classic mistakes (loudness, silence)."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from codec_bench.audio import Audio, read_audio
from codec_bench.cache import ArrayCache
from codec_bench.metrics import metric
from codec_bench.metrics.mcd import active_frames, cepstra, mel_cepstrum
from codec_bench.metrics.pitch import dio_stonemask, world
from codec_bench.metrics.signal import Recording, Signal

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    pysptk = pytest.importorskip("pysptk")


@cache
def speech(path: Path) -> np.ndarray:
    return read_audio(path).samples


@pytest.fixture(scope="module")
def voice(shared: Path) -> np.ndarray:
    return speech(sorted((shared / "data" / "testB_pairs" / "GT").glob("*.flac"))[3])


def envelope(samples: np.ndarray) -> np.ndarray:
    double = samples.astype(np.float64)
    f0, times = world().dio(double, 16_000, frame_period=5.0)
    return world().cheaptrick(double, world().stonemask(double, f0, times, 16_000), times, 16_000)


@pytest.mark.parametrize(("order", "alpha"), [(24, 0.42), (12, 0.0), (40, 0.55), (24, -0.3)])
def test_mel_cepstrum_equals_sptk(voice: np.ndarray, order: int, alpha: float) -> None:
    power = envelope(voice)[::20]
    assert len(power) > 30
    np.testing.assert_allclose(mel_cepstrum(power, order, alpha), pysptk.sp2mc(power, order, alpha), atol=1e-9)


def floored(power: np.ndarray) -> np.ndarray:
    """Bin by bin, 60 dB below the peak of each frame."""
    return np.stack([np.clip(frame, frame.max() / 1e6, None) for frame in power])


@pytest.mark.long
def test_whole_metric_against_sptk(shared: Path) -> None:
    """The same definition, written the slow way on SPTK's cepstra."""
    folder = shared / "data" / "testB_pairs"
    for name in ("4507_16021_000022_000000.flac", "2961_961_000008_000000.flac"):
        pair = [speech(folder / system / name) for system in ("GT", "LLM-Codec")]
        first, second = (pysptk.sp2mc(floored(envelope(s)), 24, 0.42) for s in pair)
        frames = min(map(len, (first, second)))
        padded = np.pad(pair[0], 200)
        power = np.array([np.mean(padded[80 * k : 80 * k + 400].astype(float) ** 2) for k in range(frames)])
        loud = 10 * np.log10(power + 1e-30) > 10 * np.log10(power.max()) - 40
        assert 0.3 < loud.mean() < 0.98
        values = [
            10 / np.log(10) * np.sqrt(2 * np.sum((first[k, 1:] - second[k, 1:]) ** 2)) for k in np.flatnonzero(loud)
        ]
        assert metric("mcd")(*pair, 16_000).value == pytest.approx(np.mean(values), rel=2e-3)


@pytest.mark.parametrize("coefficient", [0.5, -0.5, 0.8])
def test_a_filter_of_known_distortion(voice: np.ndarray, coefficient: float) -> None:
    """The mel-cepstrum of 1 + b z^-1 has a closed form, which the envelope estimate must come near."""
    alpha = 0.42
    warped = (alpha + coefficient) / (1 + alpha * coefficient)
    m = np.arange(1, 25)
    expected = 10 / np.log(10) * np.sqrt(2 * np.sum(((-((-warped) ** m) + (-alpha) ** m) / m) ** 2))
    filtered = voice + coefficient * np.concatenate([[0], voice[:-1]])
    # the closed form knows no floor
    assert metric("mcd").function(*pair(voice, (filtered / 2).astype(np.float32)), floor_db=300) == pytest.approx(
        expected, rel=0.06
    )


@pytest.mark.parametrize("gain", [0.1, 0.5, 1.9])
def test_loudness_does_not_count(voice: np.ndarray, gain: float) -> None:
    assert metric("mcd")(voice, gain * voice, 16_000).value < 0.02
    c0 = np.log(envelope(gain * voice) / envelope(voice)).mean() / 2
    assert 10 / np.log(10) * np.sqrt(2) * abs(c0) > 3  # what it would be with c0


def test_silence_does_not_count(voice: np.ndarray) -> None:
    hiss = np.random.default_rng(0).normal(0, 1e-4, 3 * 16_000).astype(np.float32)
    hum = 1e-4 * np.sin(np.arange(len(hiss)) / 30, dtype=np.float32)
    reference, decoded = np.concatenate([voice, hum]), np.concatenate([voice, hiss])
    assert metric("mcd").function(*pair(reference, decoded), silence_db=200) > 4
    assert metric("mcd")(reference, decoded, 16_000).value < 0.2


def pair(*signals: np.ndarray) -> list[Signal]:
    length = min(map(len, signals))
    return [Signal(Recording(Audio(s, 16_000)), 16_000, length) for s in signals]


def test_active_frames_of_known_levels() -> None:
    levels = np.repeat([0.0, 1.0, 0.011, 0.009, 1.0], 1600)
    active = active_frames(levels.astype(np.float32), 16_000, 101)
    middles = [10, 30, 50, 70, 90]
    assert active[middles].tolist() == [False, True, True, False, True]
    assert not active[:18].any() and active[18:61].all()
    # a frame is active as soon as its 25 ms reach into sound: 2.5 frames early, 2.5 frames late
    assert not active[61:78].any() and active[78:].all()


@pytest.mark.parametrize("samples", [1, 79, 80, 500])
def test_short_signals(voice: np.ndarray, samples: int) -> None:
    cut = voice[8000 : 8000 + samples]
    assert metric("mcd")(cut, cut, 16_000).value == 0
    assert metric("mcd")(cut, cut[::-1], 16_000).value is not None


def test_cepstra_of_a_reference_are_kept_and_pitch_is_shared(
    voice: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    for name in ("dio", "cheaptrick"):
        real = getattr(world(), name)
        monkeypatch.setattr(world(), name, lambda *a, _n=name, _r=real, **k: (calls.append(_n), _r(*a, **k))[1])
    store = ArrayCache(tmp_path)
    for run, expected in (("first", ["dio", "dio", "cheaptrick", "cheaptrick"]), ("second", ["dio", "cheaptrick"])):
        calls.clear()
        reference = Recording(Audio(voice, 16_000), "reference", store, is_reference=True)
        decoded = Recording(Audio(voice / 2, 16_000), run, store)
        metric("gpe").score(reference, decoded)
        metric("mcd").score(reference, decoded)
        assert calls == expected
    kept = cepstra(Signal(reference, 16_000, len(voice)), dio_stonemask, 24, 0.42, 60.0)
    assert kept.dtype == np.float32 and kept.shape == (len(voice) // 80 + 1, 25)


def test_an_empty_band_counts_by_being_empty_and_not_by_how_empty(shared: Path) -> None:
    import soxr

    samples = speech(shared / "golden" / "metrics" / "flite_ref_16k.wav")
    narrow = soxr.resample(soxr.resample(samples, 16_000, 8_000), 8_000, 16_000)[: len(samples)].astype(np.float32)
    emptier = narrow + np.random.default_rng(0).normal(0, 1e-7, len(narrow)).astype(np.float32)
    values = [float(metric("mcd")(samples, other, 16_000)) for other in (narrow, emptier)]
    assert values[0] == pytest.approx(values[1], rel=0.02)
    assert 3 < values[0] < 15
