"""Speech of a wanted length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.audio import Audio, read_audio, write_wav
from codec_bench.errors import UsageError
from codec_bench.speed.excerpts import load_speech


def test_utterances_are_joined_in_order_and_cut(tmp_path: Path):
    ramp = np.linspace(-0.5, 0.5, 1600, dtype=np.float32)
    for number in (1, 2, 3):
        write_wav(tmp_path / f"u{number}.wav", Audio(ramp * np.float32(number / 3), 16_000))
    speech, warnings = load_speech(str(tmp_path), 0.15)
    assert [item.utterance.id for item in speech.items] == ["u1", "u2"]  # no more is read than is needed
    assert warnings == []
    excerpt = speech.excerpt(0.15, 16_000)
    expected = np.concatenate([ramp * np.float32(1 / 3), ramp * np.float32(2 / 3)])[:2400]
    np.testing.assert_array_equal(excerpt.samples, expected)


def test_what_is_too_short_is_repeated_and_the_user_is_told(tmp_path: Path):
    samples = np.arange(800, dtype=np.float32) / 800
    write_wav(tmp_path / "short.wav", Audio(samples, 8000))
    speech, warnings = load_speech(str(tmp_path / "short.wav"), 0.25)
    assert "has 0.1 s of audio" in warnings[0]
    np.testing.assert_array_equal(speech.excerpt(0.25, 8000).samples, np.tile(samples, 3)[:2000])


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 44_100])
@pytest.mark.parametrize("seconds", [0.5, 7.0])
def test_the_length_is_exact_at_every_rate(rate: int, seconds: float):
    speech, _ = load_speech("demo", 7.0)
    excerpt = speech.excerpt(seconds, rate)
    assert len(excerpt) == seconds * rate
    assert not excerpt.is_silent


def test_a_long_recording_is_its_beginning(shared: Path):
    path = max((shared / "data/audio/speech_en").rglob("*.flac"), key=lambda p: p.stat().st_size)
    speech, _ = load_speech(str(path), 0.5)
    whole = read_audio(path)
    np.testing.assert_array_equal(speech.excerpt(0.5, whole.rate).samples, whole.samples[: whole.rate // 2])


@pytest.mark.parametrize(("source", "message"), [("nowhere.wav", "does not exist"), ("no-such-set", "no-such-set")])
def test_what_is_not_there_is_said(source: str, message: str):
    with pytest.raises(UsageError, match=message):
        load_speech(source, 1.0)
