"""Kanade, with the package vocos and a vocoder of a small size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch.nn import functional
from vocos.heads import ISTFTHead
from vocos.models import VocosBackbone

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.kanade.adapter import KANADE, WAVLM
from tests.adapters.isolated.standins import Expected, Samples, Wrong, analysed, nearest, synthesised, write

CLASSES = tuple(KANADE.values())
SETTINGS = tuple((KANADE[name], None) for name in ("kanade-12.5hz", "kanade-25hz-clean"))

BANDS = 8

MODEL = """
from dataclasses import dataclass
from types import SimpleNamespace

import jsonargparse
import torch
from torch import nn

from .module.ssl_extractor import SSLFeatureExtractor
from .util import get_logger


class FiniteScalarQuantizer(nn.Module):
    def __init__(self, levels):
        super().__init__()
        assert levels == [8, 8, 8, 5, 5]
        self.table = nn.Parameter(torch.zeros(12800, 6))


class Transformer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, width, bias=False)
        self.dropout = 0.5

    def forward(self, x):
        return nn.functional.dropout(self.layer(x), self.dropout)


@dataclass
class KanadeModelConfig:
    downsample_factor: int
    vocoder_name: str = "vocos"
    sample_rate: int = 24000
    hop_length: int = 256


class KanadeModel(nn.Module):
    def __init__(self, config, ssl_feature_extractor, local_encoder, local_quantizer, feature_decoder):
        super().__init__()
        self.config = config
        self.ssl_feature_extractor = ssl_feature_extractor
        self.local_encoder, self.local_quantizer, self.feature_decoder = local_encoder, local_quantizer, feature_decoder
        self.mel = nn.Linear(6, 8, bias=False)

    def encode(self, waveform):
        x = self.ssl_feature_extractor(waveform)
        x = nn.functional.avg_pool1d(x.T[None], self.config.downsample_factor)[0].T
        codes = torch.cdist(self.local_encoder(x), self.local_quantizer.table).argmin(-1)
        return SimpleNamespace(content_token_indices=codes.detach(), global_embedding=x.mean(0).detach())

    def decode_token_indices(self, indices):
        return self.local_quantizer.table[indices]

    def decode(self, global_embedding, content_token_indices, target_audio_length):
        x = (self.decode_token_indices(content_token_indices) + global_embedding).T[None]
        x = nn.functional.interpolate(x, size=target_audio_length // self.config.hop_length + 1)
        return self.mel(x[0].T).T.detach()
"""

EXTRACTOR = """
import torch
from torch import nn
from torchaudio import pipelines


class SSLFeatureExtractor(nn.Module):
    hop_size, ssl_sample_rate = 320, 16000

    def __init__(self, model_name):
        super().__init__()
        self.model = nn.Conv1d(1, 6, 480, 480, bias=False)  # of 24 kHz
        self.model.load_state_dict(pipelines.WAVLM_BASE_PLUS._get_state_dict(None))

    def forward(self, waveform):
        assert waveform.dim() == 1
        return self.model(waveform[None, None])[0].T
"""

HIFT = """
import torch
from torch import nn


class HiFTGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.ConvTranspose1d(8, 1, 256, 256, bias=False)

    def inference(self, mel):
        assert mel.dim() == 3
        x = self.layer(mel)[:, 0]
        return x + torch.randn_like(x) / 10
"""

CONFIG = """
model:
  class_path: kanade_tokenizer.model.KanadeModel
  init_args:
    config: {downsample_factor: %d, vocoder_name: %s}
    ssl_feature_extractor:
      class_path: kanade_tokenizer.module.ssl_extractor.SSLFeatureExtractor
      init_args: {model_name: wavlm_base_plus}
    local_encoder:
      class_path: kanade_tokenizer.module.transformer.Transformer
      init_args: {width: 6}
    local_quantizer:
      class_path: kanade_tokenizer.module.fsq.FiniteScalarQuantizer
      init_args: {levels: [8, 8, 8, 5, 5]}
    feature_decoder:
      class_path: kanade_tokenizer.module.transformer.Transformer
      init_args: {width: 6}
"""

PACKAGE = "src/kanade_tokenizer"
SOURCES = {
    "frothywater/kanade-tokenizer": {
        f"{PACKAGE}/__init__.py": "raise ImportError('not needed')",
        f"{PACKAGE}/model.py": MODEL,
        f"{PACKAGE}/util.py": "def get_logger():\n    pass\n",
        f"{PACKAGE}/module/ssl_extractor.py": EXTRACTOR,
        f"{PACKAGE}/module/hift.py": HIFT,
        "config/model/25hz.yaml": CONFIG % (2, "vocos"),
        "config/model/12hz.yaml": CONFIG % (4, "vocos"),
        "config/model/25hz_clean.yaml": CONFIG % (2, "hift"),
    }
}

VOCOS = f"""
feature_extractor: {{class_path: os.system, init_args: {{command: "false"}}}}
backbone:
  class_path: vocos.models.VocosBackbone
  init_args: {{input_channels: {BANDS}, dim: 8, intermediate_dim: 8, num_layers: 1}}
head:
  class_path: vocos.heads.ISTFTHead
  init_args: {{dim: 8, n_fft: 1024, hop_length: 256, padding: center}}
"""


def vocoder() -> torch.nn.Sequential:
    parts = {
        "backbone": VocosBackbone(input_channels=BANDS, dim=8, intermediate_dim=8, num_layers=1),
        "head": ISTFTHead(dim=8, n_fft=1024, hop_length=256, padding="center"),
    }
    made = torch.nn.Sequential()
    for name, part in parts.items():
        made.add_module(name, part)
    return made


def weights(mirror: Path) -> None:
    """What upstream publishes, without WavLM and what is for training; WavLM, and both vocoders."""
    for cls in CLASSES:
        state = {
            "local_encoder.layer.weight": torch.randn(6, 6),
            "local_quantizer.table": torch.randn(12_800, 6),
            "mel.weight": torch.randn(BANDS, 6),
        }
        write(mirror / cls.spec.weights[0].path, state)
    write(mirror / WAVLM.path, {"weight": torch.randn(6, 1, 480) / 10})
    config, vocos = (mirror / weight.path for weight in KANADE["kanade-25hz"].spec.weights[2:])
    write(config, VOCOS)
    write(vocos, vocoder().state_dict() | {"feature_extractor.mel": torch.zeros(2)})  # which are not for decoding
    (hift,) = KANADE["kanade-25hz-clean"].spec.weights[2:]
    write(mirror / hift.path, {"generator.layer.weight": torch.randn(BANDS, 1, 256) / 100})


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    state = load_file(mirror / codec.spec.weights[0].path)
    wavlm = torch.load(mirror / WAVLM.path, weights_only=True)["weight"]
    hop = int(codec.spec.codebooks[0].hop)
    full = np.pad(samples / np.abs(samples).max(), (0, -len(samples) % hop))
    features = functional.avg_pool1d(analysed(full, wavlm).T[None], hop // 480)[0].T
    table, voice = state["local_quantizer.table"], features.mean(0)
    *_, path = (mirror / weight.path for weight in codec.spec.weights)
    saved = torch.load(path, weights_only=True)

    @torch.inference_mode()
    def decoded(codes: list[torch.Tensor]) -> torch.Tensor:
        stretched = functional.interpolate((table[codes[0]] + voice).T[None], size=len(codes[0]) * hop // 256 + 1)
        mel = state["mel.weight"] @ stretched
        if path.name == "hift.pt":
            audio = synthesised(mel[0].T, saved["generator.layer.weight"])[None]
            torch.manual_seed(0)
            return (audio + torch.randn_like(audio) / 10)[0]
        network = vocoder()
        network.load_state_dict({name: saved[name] for name in network.state_dict()})
        return network(mel)[0]

    return Expected(
        [nearest(features @ state["local_encoder.layer.weight"].T, table)],
        decoded,
        side={"voice": voice},
        side_bits=6 * 32,
        latents=lambda codes: {"quantized": table[codes[0]]},
    )


def lacking(path: Path) -> None:
    write(path, {"local_encoder.layer.weight": torch.zeros(6, 6), "local_quantizer.table": torch.zeros(12_800, 6)})


WRONG = (Wrong((KANADE["kanade-25hz"], None), 0, lacking, r"other tensors, e\.g\. mel\.weight"),)
