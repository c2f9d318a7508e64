"""HiFi-Codec and TiCodec."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from codec_bench.adapters.isolated.academicodec.codec import HIFI_CODECS, HiFiCodec, TiCodec
from tests.adapters.isolated.standins import environment, use

CLASSES = (*HIFI_CODECS.values(), TiCodec)

HIFI = "yangdongchao/AcademiCodec"
TI = "y-ren16/TiCodec"

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


HIFI_STRIDES = {"24k-320d": [8, 5, 4, 2], "24k-240d": [6, 5, 4, 2], "16k-320d": [8, 5, 4, 2]}
HIFI_FILES = files(
    "hificodec",
    {
        f"egs/HiFi-Codec-{kind}/config_{kind.replace('-', '_')}.json": config(strides, 4)
        for kind, strides in HIFI_STRIDES.items()
    },
)
TI_FILES = files(
    "ticodec",
    {
        f"egs/TiCodec-24k-320d/config_24k_320d_conv_1g{books}r_8g3k1s.json": config([8, 5, 4, 2], books)
        for books in (1, 2, 4)
    },
)


def checkpoint(path: Path, strides: list[int], books: int, *, shared: bool = False) -> None:
    """Three networks in one file."""
    import torch

    torch.manual_seed(0)
    hop = math.prod(strides)
    quantizer = {f"tables.{i}.weight": torch.randn(1024, 8) / (i + 1) for i in range(books)}
    if shared:
        quantizer |= {f"shared.{i}.weight": torch.randn(1024, 1) for i in range(8)}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(
        {
            "encoder": {"layer.weight": torch.randn(8, 1, hop) / 10, "layer.bias": torch.randn(8) / 10},
            "quantizer": quantizer,
            "generator": {"layer.weight": torch.randn(8, 1, hop) / 10, "layer.bias": torch.zeros(1)},
        },
        path,
    )


def prepare(mirror: Path, patch: pytest.MonkeyPatch) -> None:
    """All checkpoints and both environments."""
    for cls, strides in zip(HIFI_CODECS.values(), HIFI_STRIDES.values(), strict=True):
        checkpoint(mirror / cls.weights()[0].path, strides, 4)
    for mode in TiCodec.modes:
        checkpoint(mirror / TiCodec.mode_spec(mode).weights[0].path, [8, 5, 4, 2], int(mode[2]), shared=True)
    use(patch, environment(HiFiCodec.environment, mirror, {HIFI: HIFI_FILES}), *HIFI_CODECS.values())
    use(patch, environment(TiCodec.environment, mirror, {TI: TI_FILES}), TiCodec)
