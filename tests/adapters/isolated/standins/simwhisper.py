"""SimWhisper-Codec: quantizers side by side, each of four numbers."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn import functional

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.simwhisper.adapter import SimWhisper
from tests.adapters.isolated.standins import Expected, Samples, Wrong, analysed, nearest, write

CLASSES = (SimWhisper,)
SETTINGS = ((SimWhisper, None),)

CONFIG = """
generator_params:
  encoder_downsample_rate: 1280
  quantizer: {num_groups: 8, num_levels_per_group: [8, 7, 6, 6]}
"""

MODEL = """
import math

import torch
from torch import nn
from torchaudio.functional.functional import _hz_to_mel, _mel_to_hz
from transformers import WhisperModel
from utils.weight_init import load_whisper_weights


class Quantizer(nn.Module):
    def __init__(self, num_groups, num_levels_per_group):
        super().__init__()
        self.tables = nn.Parameter(torch.zeros(num_groups, math.prod(num_levels_per_group), 4))

    def decode(self, codes, lengths):
        assert codes.dim() == 3 and len(codes) == len(self.tables) and lengths.tolist() == [codes.shape[-1]]
        return torch.cat([table[book] for table, book in zip(self.tables, codes)], -1).transpose(1, 2)


class AudioCodec(nn.Module):
    def __init__(self, generator_params):
        super().__init__()
        self.encoder_downsample_rate = generator_params["encoder_downsample_rate"]
        self.acoustic_encoder = nn.Conv1d(1, 32, 1280, 1280, bias=False)
        self.quantizer = Quantizer(**generator_params["quantizer"])
        self.vocos = nn.Linear(32, 1280, bias=False)

    @torch.inference_mode()
    def encode(self, wav_list, overlap_seconds=10, device=torch.device("cuda")):
        assert overlap_seconds == 10 and all(wav.dim() == 1 and wav.device == device for wav in wav_list)
        found = []
        for wav in wav_list:
            z = self.acoustic_encoder(wav[None, None, : len(wav) // 1280 * 1280])[0].T
            parts = zip(z.split(4, -1), self.quantizer.tables)
            found.append(torch.stack([torch.cdist(part, table).argmin(-1) for part, table in parts]).int())
        return {"codes_list": found}

    @torch.inference_mode()
    def decode(self, codes_list, overlap_seconds=10, device=torch.device("cuda")):
        assert overlap_seconds == 10 and all(codes.device == device for codes in codes_list)
        parts = [self.quantizer.decode(c[:, None], torch.tensor([c.shape[-1]]))[0].T for c in codes_list]
        return {"syn_wav_list": [self.vocos(part).flatten() for part in parts]}
"""

SOURCES = {
    "ZhangXinWhut/SimWhisper-Codec": {"config/SimWhisperCodec.yaml": CONFIG, "audiocodec/model.py": MODEL},
}


def weights(mirror: Path) -> None:
    checkpoint(mirror / SimWhisper.spec.weights[0].path)


def checkpoint(path: Path, size: int = 2016) -> None:
    """A trainer's checkpoint: the model under a name."""
    state = {
        "acoustic_encoder.weight": torch.randn(32, 1, 1280) / 20,
        "quantizer.tables": torch.randn(8, size, 4),
        "vocos.weight": torch.randn(1280, 32) / 30,
    }
    write(path, {"model": state})


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    state = torch.load(mirror / codec.spec.weights[0].path, weights_only=True)["model"]
    tables = list(state["quantizer.tables"])

    def joined(codes: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat([table[book] for table, book in zip(tables, codes, strict=True)], -1)

    parts = analysed(samples, state["acoustic_encoder.weight"]).split(4, -1)
    return Expected(
        [nearest(part, table) for part, table in zip(parts, tables, strict=True)],
        lambda codes: functional.linear(joined(codes), state["vocos.weight"]).flatten(),
        latents=lambda codes: {"quantized": joined(codes)},
        agreement=0.98,
    )


WRONG = (Wrong((SimWhisper, None), 0, lambda path: checkpoint(path, 1024), "size mismatch"),)
