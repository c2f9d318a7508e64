"""The testing codecs do exactly what they say."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import codec_bench
from codec_bench.audio import Audio, read_audio
from codec_bench.errors import CodecError, UsageError
from codec_bench.testing.codecs import Failing, Identity, LowPass, Noise
from codec_bench.tokens import Bitstream

SPEECH = Path(codec_bench.__file__).parent / "datasets/demo/audio/slt-01.flac"


@pytest.fixture(scope="module")
def speech() -> Audio:
    return read_audio(SPEECH)


def energy(samples: np.ndarray) -> float:
    return float(np.sum(np.square(samples, dtype=np.float64)))


def test_identity_returns_what_it_was_given(speech: Audio) -> None:
    assert speech.rate == 16_000
    loud = Audio(speech.samples * np.float32(7.3), 16_000)
    code = Identity().encode(loud)
    assert np.array_equal(Identity().decode(code).samples, loud.samples)
    assert code.bits / code.seconds == pytest.approx(32 * 16_000, rel=1e-12)


@pytest.mark.parametrize("mode", ["3400", "1000", "250.5"])
def test_low_pass_removes_what_is_above_and_keeps_what_is_below(mode: str) -> None:
    codec, cutoff = LowPass(mode), float(mode)
    time = np.arange(16_000) / 16_000
    for factor, low, high in ((0.7, 0.98, 1.02), (1.0, 0.45, 0.55), (1.5, 0.0, 0.01)):
        tone = np.sin(2 * np.pi * factor * cutoff * time).astype(np.float32)
        out = codec.decode(codec.encode(Audio(tone, 16_000))).samples
        gain = np.dot(out[2000:-2000], tone[2000:-2000]) / energy(tone[2000:-2000])
        assert low <= gain <= high


@pytest.mark.parametrize("mode", ["20", "10", "0", "-5"])
def test_noise_has_the_ratio_it_is_told(mode: str, speech: Audio) -> None:
    out = Noise(mode).decode(Noise(mode).encode(speech)).samples
    noise = out.astype(float) - speech.samples
    assert 10 * np.log10(energy(speech.samples) / energy(noise)) == pytest.approx(float(mode), abs=1e-3)
    spectrum = np.abs(np.fft.rfft(noise)) ** 2
    low, high = np.array_split(spectrum, 2)
    assert low.mean() == pytest.approx(high.mean(), rel=0.1)


def test_residual_is_exact_to_its_bits(speech: Audio) -> None:
    for books, error in ((None, 5e-3), (2, 0.1), (1, 1.4)):  # half a step and the middle, / (1 - 0.9)
        codec = codec_bench.load_codec("test-residual" + (f"@{books}" if books else ""))
        out = codec.decode(codec.encode(speech), books).samples
        assert 0 < np.abs(out - speech.samples).max() < error


def test_noise_is_that_of_the_recording_and_the_same_in_every_process(speech: Audio) -> None:
    program = (
        "import sys, hashlib; from codec_bench.audio import read_audio; from codec_bench.testing.codecs import Noise\n"
        "print(hashlib.sha256(b''.join(Noise('10').encode(read_audio(sys.argv[1])).packets)).hexdigest())"
    )
    command = [sys.executable, "-c", program, str(SPEECH)]
    other = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    code = Noise("10").encode(speech)
    assert isinstance(code, Bitstream)
    assert hashlib.sha256(b"".join(code.packets)).hexdigest() == other
    shorter = Audio(speech.samples[:-1], 16_000)
    first, second = (Noise("10").decode(Noise("10").encode(a)).samples[:1000] for a in (speech, shorter))
    assert not np.array_equal(first, second)


def failed(samples: np.ndarray, mode: str = "3") -> bool:
    try:
        Failing(mode).encode(Audio(samples.astype(np.float32), 16_000))
    except CodecError:
        return True
    return False


def test_failing_fails_on_a_third_of_recordings_and_always_on_the_same() -> None:
    recordings = np.random.default_rng(0).standard_normal((300, 50))
    first = [failed(recording) for recording in recordings]
    assert 75 < sum(first) < 125
    assert first == [failed(recording) for recording in recordings]
    assert all(failed(recording, "1") for recording in recordings[:5])


def test_failing_returns_the_others_unchanged(speech: Audio) -> None:
    cut = next(n for n in range(1000, 1100) if not failed(speech.samples[:n]))
    audio = Audio(speech.samples[:cut], 16_000)
    assert np.array_equal(Failing("3").decode(Failing("3").encode(audio)).samples, audio.samples)


@pytest.mark.parametrize(
    ("codec", "mode"),
    [
        (Identity, "1"), (LowPass, None), (LowPass, "0"), (LowPass, "8000"), (LowPass, "nan"), (LowPass, "high"),
        (Noise, None), (Noise, "inf"), (Noise, "loud"), (Failing, None), (Failing, "0"), (Failing, "1.5"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(codec: type[Identity], mode: str | None) -> None:
    with pytest.raises(UsageError, match=codec.name):
        codec(mode)
