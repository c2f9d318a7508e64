"""XY-Tokenizer, on a stand-in of its source tree that runs in an environment of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.xy_tokenizer.codec import XyTokenizer
from codec_bench.errors import UsageError
from codec_bench.tokens import Tokens
from tests.adapters.isolated.checks import noise


def direct(path: Path, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes `[8, frames]`, their embedding and audio from the checkpoint's tensors alone."""
    import torch

    state = torch.load(path, weights_only=True)["generator"]
    x = torch.from_numpy(np.pad(samples, (0, -len(samples) % 1280)))[None, None]
    left = z = torch.nn.functional.conv1d(x, state["encoder.weight"], state["encoder.bias"], stride=1280)[0].T
    codes = []
    for table in state["quantizer.codebooks"]:
        codes.append(torch.cdist(left, table).argmin(-1))
        left = left - table[codes[-1]]
    audio = torch.nn.functional.linear(z - left, state["vocos.weight"]).flatten()
    return torch.stack(codes).numpy(), (z - left).numpy(), audio.numpy()


def test_codes_latents_and_audio_are_those_of_the_networks(machine: Path) -> None:
    pytest.importorskip("transformers")
    codec = XyTokenizer()
    codec.load()
    recording = noise(24_000)  # upstream drops what is beyond 18 frames
    code = codec.encode(recording)
    assert isinstance(code, Tokens)
    codes, embedded, audio = direct(machine / "mirror" / codec.weights()[0].path, recording.samples)
    assert codes.shape == (8, 19)
    assert np.array_equal(np.stack([stream.codes for stream in code.streams]), codes)
    np.testing.assert_allclose(codec.latents(code)["quantized"], embedded, atol=1e-5)
    np.testing.assert_allclose(codec.decode(code).samples, audio[:24_000], atol=1e-5)
    for length in (1, 700, 3 * 16_000):
        assert len(codec.decode(codec.encode(noise(length)))) == length
    codec.close()


def test_only_all_codebooks_are_decoded() -> None:
    assert XyTokenizer().spec.bitrate() == 1000
    with pytest.raises(UsageError, match="decodes 8 codebooks"):
        XyTokenizer(codebooks=4)
