"""MagiCodec."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.magicodec.adapter import MagiCodec
from tests.adapters.isolated.standins import Expected, Samples, Wrong, write

CLASSES = (MagiCodec,)
SETTINGS = ((MagiCodec, None),)
LENGTHS = (9_000, 100_000)

GENERATOR = """
import dropout_layer_norm
import rotary_emb
import torch
from components import mha
from torch import nn


class Network(nn.Module):
    def __init__(self, width_in, width_out, window):
        super().__init__()
        assert torch.cuda.get_device_properties(0).major == 8
        self.linear_in = nn.Linear(width_in, 8)
        self.weight = nn.Parameter(torch.ones(8))
        self.qkv = nn.Linear(8, 24, bias=False)
        self.linear_out = nn.Linear(8, width_out)
        self.inner_attn = mha.FlashSelfAttentionV2_3(window)

    def hidden(self, x):
        x = self.linear_in(x)
        flat = x.reshape(-1, 8)
        zmat, xmat, *_ = dropout_layer_norm.dropout_add_ln_fwd(
            flat, 2 * flat, self.weight, None, None, None, None, None, 0.0, 1e-6, 1.0, 0, None, True, True
        )
        assert torch.equal(xmat, 3 * flat)
        qkv = self.qkv(zmat.view(x.shape)).unflatten(-1, (3, 2, 4))
        angle = torch.arange(x.shape[1])[:, None, None] * torch.tensor([1.0, 0.1])
        for part in (0, 1):
            even, odd = qkv[:, :, part, :, 0::2], qkv[:, :, part, :, 1::2]
            rotary_emb.apply_rotary(even, odd, angle.cos(), angle.sin(), even, odd, False)
        (context,) = self.inner_attn(qkv, None, None, None, False, True)
        return self.linear_out(context.flatten(-2))


class Encoder(Network):
    def forward(self, x):
        return self.hidden(x.reshape(len(x), -1, 320))


class Decoder(Network):
    def forward(self, x):
        return self.hidden(x).reshape(len(x), 1, -1)


class VectorQuantize(nn.Module):
    def __init__(self):
        super().__init__()
        self.codebook = nn.Embedding(131072, 16)
        self.codebook_proj = nn.Linear(16, 16)

    def inference(self, z_e):
        table = self.codebook_proj(self.codebook.weight)
        codes = torch.cdist(z_e[0], table).argmin(-1)[None]
        return table[codes], codes


class Generator(nn.Module):
    def __init__(self, sample_rate=16000, token_hz=75):
        super().__init__()
        assert sample_rate == 16000 and token_hz == 50
        self.encoder = Encoder(320, 16, [4, 0])
        self.quantizer = VectorQuantize()
        self.decoder = Decoder(16, 320, [4, 2])

    def pad_audio(self, x):
        return nn.functional.pad(x, (0, -x.shape[-1] % 320))
"""

MHA = """
import flash_attn_2_cuda
import fused_dense_lib
import triton
import triton.language as tl
from pytorch_lightning.utilities.rank_zero import rank_zero_warn
from torch import nn


class FlashSelfAttentionV2_3(nn.Module):
    def __init__(self, window_size):
        super().__init__()
        self.window_size, self.softmax_scale, self.causal = window_size, 0.5, False

    def forward(self, *arguments):
        raise AssertionError("there is no such kernel")
"""

SOURCES = {
    "Ereboas/MagiCodec": {
        "codec/__init__.py": "",
        "codec/generator.py": GENERATOR,
        "components/mha.py": MHA,
        "roformer.py": "",
    }
}


def weights(mirror: Path) -> None:
    """The generator's tensors, and one that upstream does not use."""
    state = {
        "quantizer.codebook.weight": torch.randn(131_072, 16),
        "quantizer.codebook_proj.weight": torch.randn(16, 16) / 4,
        "quantizer.codebook_proj.bias": torch.randn(16) / 10,
        "discriminator.weight": torch.zeros(3),
    }
    for name, width_in, width_out in (("encoder", 320, 16), ("decoder", 16, 320)):
        state |= {
            f"{name}.linear_in.weight": torch.randn(8, width_in) / 8,
            f"{name}.linear_in.bias": torch.randn(8) / 10,
            f"{name}.weight": torch.rand(8) + 0.5,
            f"{name}.qkv.weight": torch.randn(24, 8),
            f"{name}.linear_out.weight": torch.randn(width_out, 8),
            f"{name}.linear_out.bias": torch.randn(width_out) / 10,
        }
    write(mirror / MagiCodec.spec.weights[0].path, state)


def network(state: Mapping[str, Any], name: str, x: np.ndarray, window: tuple[int, int]) -> np.ndarray:
    """A network of frames `[n, width]`: RMS norm, rotation of complex numbers, attention frame by frame."""
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


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    loaded = torch.load(mirror / codec.spec.weights[0].path, weights_only=True)
    state = {name: tensor.double().numpy() for name, tensor in loaded.items()}
    frames = np.pad(samples, (0, -len(samples) % 320)).reshape(-1, 320)
    encoded = network(state, "encoder", frames, (4, 0))
    table = state["quantizer.codebook.weight"] @ state["quantizer.codebook_proj.weight"].T
    table += state["quantizer.codebook_proj.bias"]
    codes = [((frame - table) ** 2).sum(-1).argmin() for frame in encoded]
    return Expected(
        [torch.tensor(codes)],
        lambda codes: torch.from_numpy(network(state, "decoder", table[codes[0]], (4, 2)).flatten()),
        latents=lambda codes: {"quantized": torch.from_numpy(table[codes[0]])},
    )


def other(path: Path) -> None:
    write(path, {"decoder.weight": torch.zeros(8)})


WRONG = (Wrong((MagiCodec, None), 0, other, "lacks encoder"),)
