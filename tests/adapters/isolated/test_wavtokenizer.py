"""WavTokenizer, on a stand-in of its source tree that runs in an environment of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.wavtokenizer.codec import CODECS
from codec_bench.errors import UnavailableError
from codec_bench.tokens import Tokens
from tests.adapters.isolated.checks import noise
from tests.adapters.isolated.standins import wavtokenizer as standin


def direct(path: Path, hop: int, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes and audio from the checkpoint's tensors alone."""
    import torch

    state = torch.load(path, weights_only=True)["state_dict"]
    x = torch.from_numpy(np.pad(samples, (0, -len(samples) % hop)))[None, None]
    extractor = "feature_extractor.encodec."
    embedded = torch.nn.functional.conv1d(
        x, state[extractor + "encoder.weight"], state[extractor + "encoder.bias"], stride=hop
    )
    table = state[extractor + "quantizer.vq.layers.0.embed"]
    codes = torch.cdist(embedded[0].T, table).argmin(-1)
    hidden = torch.nn.functional.linear(table[codes], state["backbone.layer.weight"], state["backbone.layer.bias"])
    return codes.numpy(), torch.nn.functional.linear(hidden, state["head.layer.weight"]).flatten().numpy()


@pytest.mark.parametrize("name", ["wavtokenizer-small-40", "wavtokenizer-small-75"])
def test_codes_and_audio_are_those_of_the_networks(name: str, machine: Path) -> None:
    codec = CODECS[name]()
    codec.load()
    recording = noise(30_000, 24_000)
    code = codec.encode(recording)
    assert isinstance(code, Tokens)
    codes, audio = direct(machine / "mirror" / codec.weights()[0].path, codec.spec.codebooks[0].hop, recording.samples)
    assert np.array_equal(code.streams[0].codes, codes)
    np.testing.assert_allclose(codec.decode(code).samples, audio[: len(recording)], atol=1e-6)
    assert codec.latents(code)["quantized"].shape == (len(codes), 8)
    for length in (1, 700, 3 * 24_000):
        assert len(codec.decode(codec.encode(noise(length, 24_000)))) == length
    codec.close()


def test_a_checkpoint_of_another_rate_is_refused(machine: Path, tmp_path: Path) -> None:
    standin.checkpoint(tmp_path / "other.ckpt", 600)
    codec = CODECS["wavtokenizer-large-75"]()
    codec.use_checkpoint(tmp_path / "other.ckpt")
    with pytest.raises(UnavailableError, match="size mismatch"):
        codec.load()
