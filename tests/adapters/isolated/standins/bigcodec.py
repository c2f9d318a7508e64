"""BigCodec."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.bigcodec.adapter import BigCodec
from tests.adapters.isolated.standins import Expected, Samples, analysed, nearest, synthesised, write

CLASSES = (BigCodec,)
SETTINGS = ((BigCodec, None),)

ENCODER = """
from torch import nn


class CodecEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = nn.Conv1d(1, 6, 200, 200)

    def forward(self, x):
        assert x.dim() == 3 and x.shape[1] == 1 and x.shape[2] % 200 == 0
        return self.block(x)
"""

DECODER = """
import torch
from torch import nn


class CodecDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(8192, 6)
        self.model = nn.ConvTranspose1d(6, 1, 200, 200)

    def forward(self, x, vq=True):
        if not vq:
            return self.model(x)
        codes = torch.cdist(x.transpose(1, 2), self.table.weight[None]).argmin(-1)
        return self.table(codes).transpose(1, 2), codes[None], torch.zeros(1)

    def vq2emb(self, codes):
        assert codes.shape[2] == 1
        return self.table(codes[:, :, 0])
"""

SOURCES = {
    "Aria-K-Alethia/BigCodec": {"vq/__init__.py": "", "vq/codec_encoder.py": ENCODER, "vq/codec_decoder.py": DECODER}
}


def weights(mirror: Path) -> None:
    """Both networks in one file."""
    encoder = {"block.weight": torch.randn(6, 1, 200) / 10, "block.bias": torch.randn(6) / 10}
    decoder = {
        "table.weight": torch.randn(8192, 6),
        "model.weight": torch.randn(6, 1, 200) / 10,
        "model.bias": torch.zeros(1),
    }
    write(mirror / BigCodec.spec.weights[0].path, {"CodecEnc": encoder, "generator": decoder, "step": 1})


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    """There is a frame more where the samples fit."""
    state = torch.load(mirror / codec.spec.weights[0].path, weights_only=True)
    encoded = analysed(np.append(samples, np.float32(0)), *state["CodecEnc"].values())
    table = state["generator"]["table.weight"]
    return Expected(
        [nearest(encoded, table)],
        lambda codes: synthesised(table[codes[0]], state["generator"]["model.weight"]),
        latents=lambda codes: {"quantized": table[codes[0]]},
    )
