"""FACodec."""

from __future__ import annotations

from pathlib import Path

import pytest

from codec_bench.adapters.isolated.facodec.codec import FaCodec
from tests.adapters.isolated.standins import environment, use

CLASSES = (FaCodec,)

REPOSITORY = "lifeiteng/naturalspeech3_facodec"

CODE = """
import torch
from torch import nn


class FACodecEncoder(nn.Module):
    def __init__(self, ngf, up_ratios, out_channels):
        super().__init__()
        assert up_ratios == [2, 4, 5, 5]
        self.block = nn.Conv1d(1, out_channels, 200, 200)

    def forward(self, x):
        assert x.shape[:2] == (1, 1) and x.shape[2] % 200 == 0
        return self.block(x)


class FACodecDecoder(nn.Module):
    def __init__(self, vq_num_q_p, vq_num_q_c, vq_num_q_r, vq_dim, codebook_size_prosody, **_):
        super().__init__()
        self.tables = nn.ModuleList(
            [nn.Embedding(2**codebook_size_prosody, vq_dim) for _ in range(vq_num_q_p + vq_num_q_c + vq_num_q_r)]
        )
        self.model = nn.ConvTranspose1d(vq_dim, 1, 200, 200)

    def forward(self, x, eval_vq, vq):
        assert vq and not eval_vq
        codes, rest = [], x.transpose(1, 2)
        for table in self.tables:
            code = torch.cdist(rest, table.weight[None]).argmin(-1)
            codes.append(code)
            rest = rest - table(code)
        ids = torch.stack(codes)
        return self.vq2emb(ids), ids, None, None, x.mean(-1)

    def vq2emb(self, ids, use_residual_code=True):
        used = len(ids) if use_residual_code else 3
        return sum(table(code) for table, code in zip(self.tables[:used], ids)).transpose(1, 2)

    def inference(self, x, speaker):
        assert speaker.shape == (1, x.shape[1])
        return self.model(x + speaker[:, :, None])
"""

FILES = {"ns3_codec/__init__.py": "from .facodec import *\n", "ns3_codec/facodec.py": CODE}


def checkpoints(encoder: Path, decoder: Path) -> None:
    """The two files."""
    import torch

    torch.manual_seed(0)
    encoder.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"block.weight": torch.randn(256, 1, 200) / 10, "block.bias": torch.randn(256) / 10}, encoder)
    tables = {f"tables.{i}.weight": torch.randn(1024, 256) / (i + 1) for i in range(6)}
    torch.save(tables | {"model.weight": torch.randn(256, 1, 200) / 50, "model.bias": torch.zeros(1)}, decoder)


def prepare(mirror: Path, patch: pytest.MonkeyPatch) -> None:
    """The checkpoints and the environment."""
    checkpoints(*(mirror / weight.path for weight in FaCodec.weights()))
    use(patch, environment(FaCodec.environment, mirror, {REPOSITORY: FILES}), *CLASSES)
