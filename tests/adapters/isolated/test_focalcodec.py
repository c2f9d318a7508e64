"""FocalCodec, on a stand-in of its source tree that runs in an environment of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.focalcodec.codec import CODECS
from codec_bench.tokens import Tokens
from tests.adapters.isolated.checks import noise
from tests.adapters.isolated.standins import focalcodec as standin


@pytest.mark.parametrize("name", ["focalcodec-50hz", "focalcodec-12.5hz", "focalcodec-stream-2k"])
def test_codes_and_audio_are_those_of_the_networks(mirror: Path, name: str) -> None:
    import torch
    from safetensors.torch import load_file
    from torch.nn import functional

    codec = CODECS[name]()
    codec.load()
    recording = noise(16_001, 16_000)
    state = load_file(mirror / codec.spec.weights[1].path)
    hop = int(codec.spec.codebooks[0].hop)
    field = 0 if codec.spec.streaming else 80
    padded = torch.from_numpy(np.pad(recording.samples, (0, -16_001 % hop + field)))[None, None]
    features = functional.conv1d(padded, state["encoder.old.weight"], stride=320)
    bits = functional.avg_pool1d(features, hop // 320)[0] > 0
    weights = 2 ** torch.arange(len(bits))
    audio = functional.conv_transpose1d(
        bits[None] * 2.0 - 1, state["decoder.weight"], stride=state["decoder.weight"].shape[-1]
    )
    code = codec.encode(recording)
    assert isinstance(code, Tokens)
    assert np.array_equal(code.streams[0].codes, (bits.T * weights).sum(1))
    assert len(code.streams[0].codes) == -(-16_001 // hop)
    decoded = codec.decode(code)
    np.testing.assert_allclose(decoded.samples, audio[0, 0, : len(decoded)], atol=1e-5)
    assert len(decoded) == round(16_001 * codec.spec.output_rate / 16_000)
    latents = codec.latents(code)
    assert latents["codes"].shape == (len(bits[0]), len(bits))
    assert latents["features"].shape == (len(bits[0]) * hop // 320, len(bits))
    for length in (1, 999, 960_000):
        assert codec.decode(codec.encode(noise(length, 16_000))).seconds == pytest.approx(length / 16_000, abs=1e-4)
    assert np.array_equal(codec.decode(code).samples, decoded.samples)
    codec.close()


def test_bitrates_are_those_that_upstream_lists() -> None:
    found = {cls.name: cls.mode_spec(None).bitrate() for cls in standin.CLASSES}
    assert found == {
        "focalcodec-50hz": 650,
        "focalcodec-25hz": 325,
        "focalcodec-12.5hz": 162.5,
        "focalcodec-stream-65k": 800,
        "focalcodec-stream-4k": 600,
        "focalcodec-stream-2k": 550,
    }
