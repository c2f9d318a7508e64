"""WavTokenizer."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn import functional

from codec_bench.adapters.isolated.acoustic import WAVTOKENIZER
from codec_bench.adapters.isolated.base import IsolatedCodec
from tests.adapters.isolated.standins import Expected, Samples, Wrong, analysed, nearest, write

CLASSES = tuple(WAVTOKENIZER.values())
SETTINGS = tuple((WAVTOKENIZER[f"wavtokenizer-small-{rate}"], None) for rate in (40, 75))

CONFIG = """
model:
  init_args:
    feature_extractor:
      class_path: decoder.feature_extractors.EncodecFeatures
      init_args: {hop: %d, vq_bins: 4096}
    backbone:
      class_path: decoder.models.VocosBackbone
      init_args: {dim: 8}
    head:
      class_path: decoder.heads.ISTFTHead
      init_args: {dim: 8, hop_length: %d}
"""

FEATURES = """
import pytorch_lightning as pl
import torch
import torchaudio
from torch import nn


class Layer(nn.Module):
    def __init__(self, bins):
        super().__init__()
        self.register_buffer("embed", torch.zeros(bins, 8))

    @property
    def codebook(self):
        return self.embed


class EncodecFeatures(nn.Module):
    def __init__(self, hop, vq_bins):
        super().__init__()
        self.encodec = nn.Module()
        self.encodec.encoder = nn.Conv1d(1, 8, hop, hop)
        self.encodec.quantizer = nn.Module()
        self.encodec.quantizer.vq = nn.Module()
        self.encodec.quantizer.vq.layers = nn.ModuleList([Layer(vq_bins)])
        self.hop = hop

    def infer(self, audio, bandwidth_id):
        assert audio.dim() == 2 and bandwidth_id.shape == (1,)
        audio = nn.functional.pad(audio, (0, -audio.shape[-1] % self.hop))
        embedded = self.encodec.encoder(audio[:, None])
        table = self.encodec.quantizer.vq.layers[0].codebook
        codes = torch.cdist(embedded.transpose(1, 2), table[None]).argmin(-1)
        return table[codes].transpose(1, 2), codes[None], None
"""

BACKBONE = """
from torch import nn


class VocosBackbone(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.layer = nn.Linear(dim, dim)

    def forward(self, features, bandwidth_id):
        assert features.shape[1] == 8 and bandwidth_id.shape == (1,)
        return self.layer(features.transpose(1, 2))
"""

HEAD = """
from torch import nn
from torchaudio.functional.functional import _hz_to_mel


class ISTFTHead(nn.Module):
    def __init__(self, dim, hop_length):
        super().__init__()
        self.layer = nn.Linear(dim, hop_length)

    def forward(self, x):
        return self.layer(x).flatten(1)
"""

SOURCES = {
    "jishengpeng/WavTokenizer": {
        "decoder/__init__.py": "",
        "decoder/feature_extractors.py": FEATURES,
        "decoder/models.py": BACKBONE,
        "decoder/heads.py": HEAD,
        "encoder/__init__.py": "",
    }
    | {
        f"configs/wavtokenizer_smalldata_frame{rate}_3s_nq1_code4096_dim512_kmeans200_attn.yaml": CONFIG % (hop, hop)
        for rate, hop in ((40, 600), (75, 320))
    }
}


def weights(mirror: Path) -> None:
    for cls in CLASSES:
        checkpoint(mirror / cls.spec.weights[0].path, int(cls.spec.codebooks[0].hop))


def checkpoint(path: Path, hop: int) -> None:
    """A Lightning checkpoint: all networks under one name, and more beside them."""
    state = {
        "feature_extractor.encodec.encoder.weight": torch.randn(8, 1, hop) / 10,
        "feature_extractor.encodec.encoder.bias": torch.randn(8) / 10,
        "feature_extractor.encodec.quantizer.vq.layers.0.embed": torch.randn(4096, 8) / 10,
        "backbone.layer.weight": torch.randn(8, 8),
        "backbone.layer.bias": torch.randn(8),
        "head.layer.weight": torch.randn(hop, 8) / 10,
        "head.layer.bias": torch.zeros(hop),
        "multiperioddisc.weight": torch.zeros(3),
    }
    write(path, {"state_dict": state, "epoch": 3})


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    state = torch.load(mirror / codec.spec.weights[0].path, weights_only=True)["state_dict"]
    extractor = "feature_extractor.encodec."
    encoded = analysed(samples, state[extractor + "encoder.weight"], state[extractor + "encoder.bias"])
    table = state[extractor + "quantizer.vq.layers.0.embed"]

    def decoded(codes: list[torch.Tensor]) -> torch.Tensor:
        hidden = functional.linear(table[codes[0]], state["backbone.layer.weight"], state["backbone.layer.bias"])
        return functional.linear(hidden, state["head.layer.weight"]).flatten()

    return Expected([nearest(encoded, table)], decoded, latents=lambda codes: {"quantized": table[codes[0]]})


LARGE = WAVTOKENIZER["wavtokenizer-large-75"]
WRONG = (Wrong((LARGE, None), 0, lambda path: checkpoint(path, 600), "size mismatch"),)
