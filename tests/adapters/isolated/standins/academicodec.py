"""HiFi-Codec and TiCodec."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from codec_bench.adapters.isolated.academicodec.adapter import HIFI_CODECS, TiCodec
from codec_bench.adapters.isolated.base import IsolatedCodec
from tests.adapters.isolated.standins import Expected, Samples, analysed, residual, summed, synthesised, write

CLASSES = (*HIFI_CODECS.values(), TiCodec)
SETTINGS = ((HIFI_CODECS["hifi-codec-24k-240d"], None), (TiCodec, "1g2r"))

ENV = """
class AttrDict(dict):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.__dict__ = self
"""

MODELS = """
import math

import torch
from torch import nn

GLOBAL = %s


class Encoder(nn.Module):
    def __init__(self, h):
        super().__init__()
        hop = math.prod(h.upsample_rates)
        self.layer = nn.Conv1d(1, 8, hop, hop)

    def forward(self, x):
        assert x.dim() == 3 and x.shape[1] == 1
        c = self.layer(x)
        return (c, c.mean(-1)) if GLOBAL else c


class Quantizer(nn.Module):
    def __init__(self, h):
        super().__init__()
        self.tables = nn.ModuleList([nn.Embedding(1024, 8) for _ in range(h.books)])
        if GLOBAL:
            self.shared = nn.ModuleList([nn.Embedding(1024, 1) for _ in range(8)])

    def forward(self, c, pooled=None):
        codes, rest = [], c.transpose(1, 2)
        for table in self.tables:
            code = torch.cdist(rest, table.weight[None]).argmin(-1)
            codes.append(code.reshape(-1))
            rest = rest - table(code)
        if not GLOBAL:
            return None, torch.zeros(1), codes
        tokens = [(table.weight[:, 0] - pooled[0, i]).abs().argmin()[None] for i, table in enumerate(self.shared)]
        return None, torch.zeros(1), codes, None, tokens

    def embed(self, x):
        assert x.shape[2] == len(self.tables)
        return sum(table(x[:, :, i]) for i, table in enumerate(self.tables)).transpose(1, 2)

    def embed_gst(self, x):
        assert x.shape == (1, 1, 8)
        return torch.cat([table(x[:, :, i]) for i, table in enumerate(self.shared)], -1).transpose(1, 2)


class Generator(nn.Module):
    def __init__(self, h):
        super().__init__()
        hop = math.prod(h.upsample_rates)
        self.layer = nn.ConvTranspose1d(8, 1, hop, hop)

    def forward(self, x, shared=None):
        return self.layer(x if shared is None else x + shared[:, :, None])
"""


def config(strides: list[int], books: int) -> str:
    """A configuration as upstream's, whose `hop_size` is another one than the tokens'."""
    return json.dumps({"upsample_rates": strides, "books": books, "hop_size": 240, "sampling_rate": 24_000})


def files(kind: str, configs: dict[str, str]) -> dict[str, str]:
    """A source tree."""
    folder = f"academicodec/models/{kind}"
    return configs | {
        "academicodec/__init__.py": "",
        "academicodec/utils.py": "",
        f"{folder}/__init__.py": "",
        f"{folder}/env.py": ENV,
        f"{folder}/models.py": MODELS % (kind == "ticodec"),
    }


STRIDES = {240: [6, 5, 4, 2], 320: [8, 5, 4, 2]}
SOURCES = {
    "yangdongchao/AcademiCodec": files(
        "hificodec",
        {str(cls.spec.configuration): config(STRIDES[cls.spec.codebooks[0].hop], 4) for cls in HIFI_CODECS.values()},
    ),
    "y-ren16/TiCodec": files(
        "ticodec",
        {str(spec.configuration): config(STRIDES[320], len(spec.codebooks)) for spec in TiCodec.specs.values()},
    ),
}


def weights(mirror: Path) -> None:
    """Three networks in each file."""
    for spec in (*(cls.spec for cls in HIFI_CODECS.values()), *TiCodec.specs.values()):
        hop = spec.codebooks[0].hop
        quantizer = {f"tables.{i}.weight": torch.randn(1024, 8) / (i + 1) for i in range(len(spec.codebooks))}
        if spec in TiCodec.specs.values():
            quantizer |= {f"shared.{i}.weight": torch.randn(1024, 1) for i in range(8)}
        networks = {
            "encoder": {"layer.weight": torch.randn(8, 1, hop) / 10, "layer.bias": torch.randn(8) / 10},
            "quantizer": quantizer,
            "generator": {"layer.weight": torch.randn(8, 1, hop) / 10, "layer.bias": torch.zeros(1)},
        }
        write(mirror / spec.weights[0].path, networks)


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    state = torch.load(mirror / codec.spec.weights[0].path, weights_only=True)
    encoded = analysed(samples, *state["encoder"].values())
    tables = [table for name, table in state["quantizer"].items() if name.startswith("tables")]
    weight = state["generator"]["layer.weight"]
    if not isinstance(codec, TiCodec):
        return Expected(residual(encoded, tables), lambda codes: synthesised(summed(tables, codes), weight))
    shared = [table[:, 0] for name, table in state["quantizer"].items() if name.startswith("shared")]
    tokens = torch.stack([(t - value).abs().argmin() for t, value in zip(shared, encoded.mean(0), strict=True)])
    style = torch.stack([table[token] for table, token in zip(shared, tokens, strict=True)])
    return Expected(
        residual(encoded, tables),
        lambda codes: synthesised(summed(tables, codes) + style, weight),
        side={"global": tokens},
        side_bits=80,
    )
