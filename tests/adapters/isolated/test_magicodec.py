"""MagiCodec, on a stand-in of its source tree that calls the CUDA extensions which the worker replaces."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec_bench.adapters.isolated.magicodec.codec import MagiCodec
from codec_bench.errors import UnavailableError
from codec_bench.tokens import Tokens
from tests.adapters.isolated.checks import noise


def network(state: Mapping[str, Any], name: str, x: np.ndarray, window: tuple[int, int]) -> np.ndarray:
    """A stand-in network of frames `[n, width]`: RMS norm, rotation of complex numbers, attention frame by frame."""
    x = 3 * (x @ state[f"{name}.linear_in.weight"].T + state[f"{name}.linear_in.bias"])
    x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * state[f"{name}.weight"]
    q, k, v = (x @ state[f"{name}.qkv.weight"].T).reshape(len(x), 3, 2, 4).transpose(1, 0, 2, 3)
    turn = np.exp(1j * np.arange(len(x))[:, None, None] * np.array([1.0, 0.1]))
    q, k = ((part[..., 0::2] + 1j * part[..., 1::2]) * turn for part in (q, k))
    out = []
    for frame in range(len(x)):
        near = slice(max(0, frame - window[0]), frame + window[1] + 1)
        weights = np.exp(0.5 * np.einsum("hd,nhd->nh", q[frame].conj(), k[near]).real)
        out.append(np.einsum("nh,nhd->hd", weights / weights.sum(0), v[near]).flatten())
    return np.asarray(out @ state[f"{name}.linear_out.weight"].T + state[f"{name}.linear_out.bias"])


def test_codes_latents_and_audio_are_those_of_the_networks(machine: Path) -> None:
    import torch

    codec = MagiCodec()
    codec.load()
    recording = noise(9_000)
    code = codec.encode(recording)
    assert isinstance(code, Tokens)
    loaded = torch.load(machine / "mirror" / codec.weights()[0].path, weights_only=True)
    state = {name: tensor.double().numpy() for name, tensor in loaded.items()}
    encoded = network(state, "encoder", np.pad(recording.samples, (0, 280)).reshape(-1, 320), (4, 0))
    table = state["quantizer.codebook.weight"] @ state["quantizer.codebook_proj.weight"].T
    table += state["quantizer.codebook_proj.bias"]
    codes = ((encoded[:, None] - table) ** 2).sum(-1).argmin(-1)
    assert np.array_equal(code.streams[0].codes, codes)
    assert len(codes) == 29
    np.testing.assert_allclose(codec.latents(code)["quantized"], table[codes], atol=1e-5)
    audio = network(state, "decoder", table[codes], (4, 2)).flatten()
    np.testing.assert_allclose(codec.decode(code).samples, audio[: len(recording)], atol=1e-4)
    for length in (1, 700, 16_000 * 30):
        assert len(codec.decode(codec.encode(noise(length)))) == length
    codec.close()


def test_bitrate_is_that_of_the_paper() -> None:
    assert MagiCodec().spec.bitrate() == 850


def test_a_checkpoint_of_something_else_is_refused(machine: Path, tmp_path: Path) -> None:
    import torch

    torch.save({"decoder.weight": torch.zeros(8)}, tmp_path / "other.ckpt")
    codec = MagiCodec()
    codec.use_checkpoint(tmp_path / "other.ckpt")
    with pytest.raises(UnavailableError, match="lacks encoder"):
        codec.load()
