"""Stable Codec, on stand-ins of its source tree and its packages that run in an environment of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.stable_codec.codec import StableCodec
from codec_bench.audio import Audio
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.tokens import Tokens
from tests.adapters.isolated.checks import noise


def direct(folder: Path, samples: np.ndarray, mode: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes `[books, frames]`, their vectors, and audio from the tensors alone, at the level of the samples."""
    from safetensors.numpy import load_file

    state = load_file(folder / "model.safetensors")
    frames = np.pad(samples, (0, -len(samples) % 640)).reshape(-1, 640)
    gain = 0.1 / np.sqrt(np.mean(frames**2))
    left = np.tanh((gain * frames @ state["encoder.weight"][:, 0].T + state["encoder.bias"]).astype(np.float64))
    start, books = left, []
    codebooks = StableCodec.specs[mode].codebooks
    levels = round(codebooks[0].size ** (1 / 6))
    scales = {2: [1, 0.25], 1: [1], 4: [1, 0.5, 0.25, 0.125]}[len(codebooks)]
    for scale in scales:
        step = 2 * scale / (levels - 1)
        whole = np.clip(np.round((left + scale) / step), 0, levels - 1)
        left = left - (whole * step - scale)
        books.append((whole @ levels ** np.arange(6)).astype(np.int64))
    quantized = start - left
    return np.stack(books), quantized, (quantized @ state["decoder.weight"][:, 0]).flatten() / gain


@pytest.mark.parametrize("mode", StableCodec.modes)
def test_codes_latents_and_audio_are_those_of_the_networks(mode: str, machine: Path) -> None:
    codec = StableCodec(mode)
    codec.load()
    recording = noise(30_000)
    code = codec.encode(recording)
    assert isinstance(code, Tokens)
    folder = (machine / "mirror" / codec.weights()[0].path).parent
    codes, quantized, audio = direct(folder, recording.samples, mode)
    assert np.array_equal(np.stack([stream.codes for stream in code.streams]), codes)
    assert code.side_bits == 32
    np.testing.assert_allclose(codec.latents(code)["quantized"], quantized, atol=1e-6)
    np.testing.assert_allclose(codec.decode(code).samples, audio[: len(recording)], atol=1e-4)
    for length in (1, 700, 3 * 16_000):
        assert len(codec.decode(codec.encode(noise(length)))) == length
    assert np.isfinite(codec.decode(codec.encode(Audio(np.zeros(8000, np.float32), 16_000))).samples).all()
    codec.close()


def test_bitrates_are_those_of_the_paper() -> None:
    rates = {mode: StableCodec(mode).spec.bitrate() for mode in StableCodec.modes}
    expected = {"1x46656_400bps": 387.7, "2x15625_700bps": 696.6, "4x729_1000bps": 951.0}
    assert rates == pytest.approx(expected, abs=0.05)
    with pytest.raises(UsageError, match="1x46656_400bps"):
        StableCodec()


def test_a_cpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StableCodec, "needs_gpu", True)
    with pytest.raises(UnavailableError, match="--device cuda"):
        StableCodec("1x46656_400bps").load("cpu")
