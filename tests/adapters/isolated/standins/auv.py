"""AUV."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from codec_bench.adapters.isolated.auv.adapter import Auv
from codec_bench.adapters.isolated.base import IsolatedCodec
from tests.adapters.isolated.standins import Expected, Samples, Wrong, analysed, nearest, synthesised, write

CLASSES = (Auv,)
SETTINGS = ((Auv, None),)

MODEL = """
import torch
from torch import nn


class Tokenizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 4, 320, 320, bias=False)
        self.table = nn.Embedding(20480, 4)

    def vq2emb(self, tokens):
        assert tokens.dim() == 3 and tokens.shape[-1] == 1
        return self.table(tokens[..., 0])


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.ConvTranspose1d(4, 1, 320, 320, bias=False)

    def forward(self, x):
        return self.conv(x.transpose(1, 2))


class AUV(nn.Module):
    def from_pretrained(self, ckpt_path, device="cuda"):
        state = torch.load(ckpt_path, map_location="cpu", weights_only=True)
        self.tokenizer, self.token2wav = Tokenizer(), Decoder()
        self.load_state_dict(state)

    def encode(self, data):
        audio = data["sample"]
        assert audio.dim() == 2 and data["sample_rate"] == 16000 and audio.shape[1] >= 640
        states = self.tokenizer.conv(audio[:, None]).transpose(1, 2)
        return {"tokens": torch.cdist(states, self.tokenizer.table.weight[None]).argmin(-1)[None]}
"""

SOURCES: dict[str, dict[str, str]] = {}
PACKAGES = {"auv/model.py": MODEL}


def weights(mirror: Path) -> None:
    checkpoint(mirror / Auv.spec.weights[0].path)


def checkpoint(path: Path, size: int = 20_480) -> None:
    state = {
        "tokenizer.conv.weight": torch.randn(4, 1, 320) / 10,
        "tokenizer.table.weight": torch.randn(size, 4),
        "token2wav.conv.weight": torch.randn(4, 1, 320) / 10,
    }
    write(path, state)


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    state = torch.load(mirror / codec.spec.weights[0].path, weights_only=True)
    table = state["tokenizer.table.weight"]
    padded = np.pad(samples, (0, max(0, 640 - len(samples))))
    codes = nearest(analysed(padded, state["tokenizer.conv.weight"]), table)
    return Expected(
        [codes],
        lambda codes: synthesised(table[codes[0]], state["token2wav.conv.weight"]),
        latents=lambda codes: {"quantized": table[codes[0]]},
    )


WRONG = (Wrong((Auv, None), 0, lambda path: checkpoint(path, 8192), "size mismatch"),)
