"""Spine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.spine.adapter import Spine
from tests.adapters.isolated.standins import Expected, Samples, Wrong, analysed, synthesised, write

CLASSES = (Spine,)
SETTINGS = ((Spine, None),)
STRIDES = (8, 4, 2, 1)

CONFIG = """
def model_config_from_dict(values):
    return values
"""

MODEL = """
import torch
from torch import nn


class Quantizer(nn.Module):
    def __init__(self, strides):
        super().__init__()
        self.strides = strides
        self.table = nn.Parameter(torch.zeros(625, 4))

    def from_codes(self, codes):
        parts = [self.table[c].repeat_interleave(s, 1) for c, s in zip(codes, self.strides)]
        return torch.stack(parts).sum(0).transpose(1, 2)


class Spine(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.encoder = nn.Conv1d(1, 4, 512, 512, bias=False)
        self.quantizer = Quantizer(config["vq_strides"])
        self.decoder = nn.ConvTranspose1d(4, 1, 512, 512, bias=False)

    def encode(self, audio):
        assert audio.dim() == 3
        states = self.encoder(nn.functional.pad(audio, (0, -audio.shape[-1] % 4096)))
        found = []
        for stride in self.quantizer.strides:
            pooled = nn.functional.avg_pool1d(states, stride).transpose(1, 2)
            found.append(torch.cdist(pooled, self.quantizer.table[None]).argmin(-1).int())
        return found

    def decode(self, codes):
        return self.decoder(self.quantizer.from_codes(codes))
"""

SOURCES = {
    "twangodev/spine-codec": {"spine/__init__.py": "", "spine/config.py": CONFIG, "spine/model.py": MODEL},
}


def weights(mirror: Path) -> None:
    write(mirror / Spine.spec.weights[0].path, json.dumps({"vq_strides": STRIDES}))
    state(mirror / Spine.spec.weights[1].path)


def state(path: Path, size: int = 625) -> None:
    tensors = {
        "encoder.weight": torch.randn(4, 1, 512) / 10,
        "quantizer.table": torch.randn(size, 4),
        "decoder.weight": torch.randn(4, 1, 512) / 10,
    }
    write(path, tensors)


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    tensors = load_file(mirror / codec.spec.weights[1].path)
    table = tensors["quantizer.table"]
    states = analysed(np.pad(samples, (0, -len(samples) % 4096)), tensors["encoder.weight"])
    pooled = [states.reshape(-1, stride, 4).mean(1) for stride in STRIDES]

    def vectors(codes: list[torch.Tensor]) -> torch.Tensor:
        parts = [table[book].repeat_interleave(s, 0) for book, s in zip(codes, STRIDES, strict=False)]
        return torch.stack(parts).sum(0)

    return Expected(
        [torch.cdist(part, table).argmin(-1) for part in pooled],
        lambda codes: synthesised(vectors(codes), tensors["decoder.weight"]),
        latents=lambda codes: {"quantized": vectors(codes)},
    )


WRONG = (Wrong((Spine, None), 1, lambda path: state(path, 512), "size mismatch"),)
