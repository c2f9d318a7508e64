"""Kanade, with the package vocos and a vocoder of a small size."""

from __future__ import annotations

from pathlib import Path

import pytest

from codec_bench.adapters.isolated.kanade.codec import CODECS, WAVLM, Kanade
from tests.adapters.isolated.standins import environment, use

CLASSES = tuple(CODECS.values())

REPOSITORY = "frothywater/kanade-tokenizer"
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
FILES = {
    f"{PACKAGE}/__init__.py": "raise ImportError('not needed')",
    f"{PACKAGE}/model.py": MODEL,
    f"{PACKAGE}/util.py": "def get_logger():\n    pass\n",
    f"{PACKAGE}/module/ssl_extractor.py": EXTRACTOR,
    f"{PACKAGE}/module/hift.py": HIFT,
    "config/model/25hz.yaml": CONFIG % (2, "vocos"),
    "config/model/12hz.yaml": CONFIG % (4, "vocos"),
    "config/model/25hz_clean.yaml": CONFIG % (2, "hift"),
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


def vocoder(folder: Path) -> None:
    """A vocoder of the package vocos; the features in its checkpoint are not for decoding."""
    import torch
    from vocos.heads import ISTFTHead
    from vocos.models import VocosBackbone

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(VOCOS, encoding="utf-8")
    parts = {
        "backbone": VocosBackbone(input_channels=BANDS, dim=8, intermediate_dim=8, num_layers=1),
        "head": ISTFTHead(dim=8, n_fft=1024, hop_length=256, padding="center"),
    }
    state = {f"{part}.{name}": tensor for part, made in parts.items() for name, tensor in made.state_dict().items()}
    torch.save(state | {"feature_extractor.mel": torch.zeros(2)}, folder / "pytorch_model.bin")


def checkpoint(path: Path, cls: type[Kanade]) -> None:
    """The tensors that upstream publishes: neither WavLM's nor those for training."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(round(cls.spec.frame_rate or 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "local_encoder.layer.weight": torch.randn(6, 6),
        "local_quantizer.table": torch.randn(12_800, 6),
        "mel.weight": torch.randn(BANDS, 6),
    }
    save_file(state, str(path))


def prepare(mirror: Path, patch: pytest.MonkeyPatch) -> None:
    """Checkpoints, WavLM, both vocoders, and the environment."""
    import torch

    for cls in CLASSES:
        checkpoint(mirror / cls.weights()[0].path, cls)
    (mirror / WAVLM.path).parent.mkdir(parents=True, exist_ok=True)
    torch.save({"weight": torch.randn(6, 1, 480) / 10}, mirror / WAVLM.path)
    vocoder((mirror / CODECS["kanade-25hz"].spec.weights[2].path).parent)
    hift = mirror / CODECS["kanade-25hz-clean"].spec.weights[2].path
    hift.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"generator.layer.weight": torch.randn(BANDS, 1, 256) / 100}, hift)
    use(patch, environment(Kanade.environment, mirror, {REPOSITORY: FILES}), *CLASSES)
