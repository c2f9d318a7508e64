"""FACodec."""

from __future__ import annotations

from pathlib import Path

import torch

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.facodec.adapter import FaCodec
from tests.adapters.isolated.standins import Expected, Samples, analysed, residual, summed, synthesised, write

CLASSES = (FaCodec,)
SETTINGS = ((FaCodec, None),)

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

SOURCES = {
    "lifeiteng/naturalspeech3_facodec": {
        "ns3_codec/__init__.py": "from .facodec import *\n",
        "ns3_codec/facodec.py": CODE,
    }
}


def weights(mirror: Path) -> None:
    """The two files."""
    encoder, decoder = (mirror / weight.path for weight in FaCodec.spec.weights)
    write(encoder, {"block.weight": torch.randn(256, 1, 200) / 10, "block.bias": torch.randn(256) / 10})
    tables = {f"tables.{i}.weight": torch.randn(1024, 256) / (i + 1) for i in range(6)}
    write(decoder, tables | {"model.weight": torch.randn(256, 1, 200) / 50, "model.bias": torch.zeros(1)})


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    encoder, decoder = (torch.load(mirror / weight.path, weights_only=True) for weight in codec.spec.weights)
    encoded = analysed(samples, *encoder.values())
    tables = [decoder[f"tables.{i}.weight"] for i in range(6)]
    speaker = encoded.mean(0)
    return Expected(
        residual(encoded, tables),
        lambda codes: synthesised(summed(tables, codes) + speaker, decoder["model.weight"]),
        side={"speaker": speaker},
        side_bits=256 * 32,
    )
