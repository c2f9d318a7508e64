"""Loudness after BS.1770, and what alignment leaves."""

from __future__ import annotations

import numpy as np
import pytest

from codec_bench.audio import Audio
from codec_bench.errors import UsageError
from codec_bench.listening_tests.levels import align, loudness


def tone(amplitude: float, rate: int = 48_000, frequency: float = 997) -> Audio:
    t = np.arange(5 * rate) / rate
    return Audio((amplitude * np.sin(2 * np.pi * frequency * t)).astype(np.float32), rate)


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_a_full_scale_tone_has_the_loudness_that_bs1770_states(rate: int):
    assert loudness(tone(1.0, rate), "tone") == pytest.approx(-3.01, abs=0.1)
    assert loudness(tone(0.1, rate), "tone") == pytest.approx(-23.01, abs=0.1)


def test_all_get_the_loudness_of_the_reference():
    noise = np.random.default_rng(0).standard_normal(48_000).astype(np.float32)
    signals = {"a": Audio(0.05 * noise, 16_000), "b": Audio(0.01 * noise, 16_000), "c": tone(0.2, 16_000)}
    samples, gains = align(signals, "a", "item")
    assert gains["a"] == 0
    assert gains["b"] == pytest.approx(20 * np.log10(5), abs=1e-6)
    levels = {name: loudness(Audio(s.astype(np.float32), 16_000), name) for name, s in samples.items()}
    assert max(levels.values()) - min(levels.values()) < 0.01


def test_where_one_would_clip_all_are_turned_down():
    clicks = np.zeros(48_000, np.float32)
    clicks[::400] = 0.5
    signals = {"a": tone(0.9, 16_000), "b": Audio(clicks, 16_000)}
    samples, gains = align(signals, "a", "item")
    assert max(np.abs(s).max() for s in samples.values()) == pytest.approx(10 ** (-1 / 20), rel=1e-6)
    assert gains["a"] < 0
    levels = [loudness(Audio(s.astype(np.float32), 16_000), name) for name, s in samples.items()]
    assert levels[0] == pytest.approx(levels[1], abs=0.01)


def test_silence_has_no_loudness():
    with pytest.raises(UsageError, match="u1 of opus is silent"):
        align({"ref": tone(0.1), "opus": Audio(np.zeros(240_000, np.float32), 48_000)}, "ref", "u1")
    with pytest.raises(UsageError, match=r"shorter than 0\.4 s"):
        loudness(Audio(np.ones(100, np.float32), 16_000), "x")
