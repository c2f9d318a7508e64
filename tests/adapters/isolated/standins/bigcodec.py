"""BigCodec."""

from __future__ import annotations

from pathlib import Path

import pytest

from codec_bench.adapters.isolated.bigcodec.codec import BigCodec
from tests.adapters.isolated.standins import environment, use

CLASSES = (BigCodec,)

REPOSITORY = "Aria-K-Alethia/BigCodec"

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

FILES = {"vq/__init__.py": "", "vq/codec_encoder.py": ENCODER, "vq/codec_decoder.py": DECODER}


def checkpoint(path: Path) -> None:
    """Both networks in one file."""
    import torch

    torch.manual_seed(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    encoder = {"block.weight": torch.randn(6, 1, 200) / 10, "block.bias": torch.randn(6) / 10}
    decoder = {
        "table.weight": torch.randn(8192, 6),
        "model.weight": torch.randn(6, 1, 200) / 10,
        "model.bias": torch.zeros(1),
    }
    torch.save({"CodecEnc": encoder, "generator": decoder, "step": 1}, path)


def prepare(mirror: Path, patch: pytest.MonkeyPatch) -> None:
    """The checkpoint and the environment."""
    checkpoint(mirror / BigCodec.weights()[0].path)
    use(patch, environment(BigCodec.environment, mirror, {REPOSITORY: FILES}), *CLASSES)
