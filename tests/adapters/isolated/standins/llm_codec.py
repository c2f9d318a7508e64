"""LLM-Codec."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.llm_codec.adapter import LlmCodec
from tests.adapters.isolated.standins import Expected, Samples, Wrong, analysed, write

CLASSES = (LlmCodec,)
SETTINGS = ((LlmCodec, None),)

STRIDES = (4, 2, 1)

CONFIG = """
generator:
  name: MSCodecLM
  config:
    encoder_dim: 2
    sample_rate: 16000
    encoder_rates: [3, 4, 5, 8]
    latent_dim: 6
    decoder_dim: 12
    decoder_rates: [8, 5, 4, 3]
    vq_strides: [4, 2, 1]
    noise: true
    depthwise: true
    use_cblinear: true
    attn_window_size: 8
    local_embedding_path: embed_llama2.pt
    global_embedding_path: layer1.pth
"""

LAYERS = """
import math

import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self, d_model, strides, depthwise=False, attn_window_size=32):
        super().__init__()
        self.block = nn.Sequential(nn.Conv1d(1, 6, math.prod(strides), math.prod(strides)))
        self.window = attn_window_size

    def forward(self, x):
        x = self.block(x)
        assert x.shape[-1] % self.window == 0
        return x


class Decoder(nn.Module):
    def __init__(self, input_channel, channels, rates, noise=False, depthwise=False, attn_window_size=32):
        super().__init__()
        self.model = nn.Sequential(nn.ConvTranspose1d(input_channel, 1, math.prod(rates), math.prod(rates)))
        self.noise = noise

    def forward(self, x):
        x = self.model(x)
        return x + 0.01 * torch.randn_like(x) if self.noise else x
"""

VQ = """
import torch
from einops import rearrange
from torch import nn


class VectorQuantizeLLM(nn.Module):
    def __init__(self, input_dim, stride, use_cblinear, checkpoint):
        super().__init__()
        assert use_cblinear
        self.stride = stride
        self.cb_proj = nn.Linear(checkpoint.shape[1], input_dim)
        self.codebook = nn.Embedding(*checkpoint.shape)
        self.codebook.weight.data = checkpoint

    def forward(self, z):
        z = nn.functional.avg_pool1d(z, self.stride, self.stride)
        table = nn.functional.normalize(self.cb_proj(self.codebook.weight))
        flat = nn.functional.normalize(rearrange(z, "b d t -> (b t) d"))
        codes = (flat @ table.t()).argmax(-1)[None]
        return self.decode_code(codes).repeat_interleave(self.stride, dim=-1), codes

    def decode_code(self, codes):
        return nn.functional.embedding(codes, self.cb_proj(self.codebook.weight)).transpose(1, 2)


class ResidualVectorQuantizeLLM(nn.Module):
    def __init__(self, input_dim=512, vq_strides=(4, 2, 1), checkpoint=None, g_ckpt=None, use_cblinear=True):
        super().__init__()
        tables = [g_ckpt, checkpoint, checkpoint]
        self.quantizers = nn.ModuleList(
            [VectorQuantizeLLM(input_dim, s, use_cblinear, t) for s, t in zip(vq_strides, tables)]
        )

    def forward(self, z, features=None, text_features=None):
        total, codes = 0, []
        for quantizer in self.quantizers:
            quantized, book = quantizer(z)
            z = z - quantized
            total = total + quantized
            codes.append(book)
        return total, codes, 0, 0, 0, 0

    def from_codes(self, codes):
        return sum(
            q.decode_code(book).repeat_interleave(q.stride, dim=-1) for q, book in zip(self.quantizers, codes)
        )
"""

SOURCES = {
    "yangdongchao/LLM-Codec": {
        "codec/__init__.py": "",
        "codec/attention.py": "",
        "codec/layers.py": LAYERS,
        "codec/vq.py": VQ,
        "config.yaml": CONFIG,
    }
}


def weights(mirror: Path) -> None:
    """A trainer's checkpoint: the codec with its codebooks under one name."""
    words = torch.randn(32_000, 5)
    state = {
        "encoder.block.0.weight": torch.randn(6, 1, 480) / 10,
        "encoder.block.0.bias": torch.randn(6) / 10,
        "decoder.model.0.weight": torch.randn(6, 1, 480) / 10,
        "decoder.model.0.bias": torch.zeros(1),
    }
    for number, table in enumerate((torch.randn(3248, 5), words, words)):
        name = f"quantizer.quantizers.{number}."
        state |= {
            name + "codebook.weight": table,
            name + "cb_proj.weight": torch.randn(6, 5),
            name + "cb_proj.bias": torch.randn(6) / 10,
        }
    write(mirror / LlmCodec.spec.weights[0].path, {"codec_model": state, "epoch": 3})


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    """The decoder adds noise, the same to each recording."""
    state = torch.load(mirror / codec.spec.weights[0].path, weights_only=True)["codec_model"]
    padded = np.pad(samples, (0, -len(samples) % 3840))
    left = analysed(padded, state["encoder.block.0.weight"], state["encoder.block.0.bias"]).T
    tables, found = [], []
    for number, stride in enumerate(STRIDES):
        name = f"quantizer.quantizers.{number}."
        projection = state[name + "cb_proj.weight"], state[name + "cb_proj.bias"]
        tables.append(functional.linear(state[name + "codebook.weight"], *projection))
        pooled = functional.normalize(functional.avg_pool1d(left, stride, stride), dim=0)
        found.append((functional.normalize(tables[-1]) @ pooled).argmax(0))
        left = left - tables[-1][found[-1]].T.repeat_interleave(stride, dim=-1)

    def embedded(codes: list[torch.Tensor]) -> torch.Tensor:
        parts = zip(tables, codes, STRIDES, strict=True)
        return torch.stack([table[book].repeat_interleave(stride, 0) for table, book, stride in parts]).sum(0)

    def decoded(codes: list[torch.Tensor]) -> torch.Tensor:
        audio = functional.conv_transpose1d(embedded(codes).T[None], state["decoder.model.0.weight"], stride=480)
        torch.manual_seed(0)
        return (audio + 0.01 * torch.randn_like(audio))[0, 0]

    return Expected(found, decoded, latents=lambda codes: {"quantized": embedded(codes)})


def bare(path: Path) -> None:
    write(path, {"codec_model": {"encoder.block.0.bias": torch.zeros(6)}})


WRONG = (Wrong((LlmCodec, None), 0, bare, "no codebooks"),)
