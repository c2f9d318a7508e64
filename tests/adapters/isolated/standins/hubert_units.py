"""The unit HiFi-GAN of textlesslib; HuBERT and k-means are small ones of transformers and scikit-learn."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from codec_bench.adapters.codec import CodecSpec
from codec_bench.adapters.isolated.hubert_units.codec import HubertUnits
from tests.adapters.isolated.standins import environment, use

CLASSES = (HubertUnits,)

REPOSITORY = "facebookresearch/textlesslib"

GENERATOR = """
import torch
from torch import nn

from .resblock import SLOPE


class CodeGenerator(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.dict = nn.Embedding(cfg["num_embeddings"], cfg["embedding_dim"])
        self.multispkr, self.multistyle, self.f0 = cfg["multispkr"], cfg["multistyle"], cfg.get("f0")
        self.spkr = nn.Embedding(cfg["num_speakers"], cfg["embedding_dim"])
        self.style = nn.Embedding(cfg["num_styles"], cfg["embedding_dim"])
        self.layer = nn.Linear(cfg["embedding_dim"], 320)

    def remove_weight_norm(self):
        pass

    def forward(self, code, spkr, style, dur_prediction):
        assert code.dim() == 2 and spkr.shape == style.shape == (1, 1) and not dur_prediction
        x = self.dict(code) + self.spkr(spkr) + self.style(style)
        return torch.tanh(self.layer(x)).reshape(1, 1, -1)
"""

FILES = {
    "textless/vocoders/hifigan/__init__.py": "",
    "textless/vocoders/hifigan/generator.py": GENERATOR,
    "textless/vocoders/hifigan/resblock.py": "SLOPE = 0.1\n",
}


def checkpoints(mirror: Path) -> None:
    """A small HuBERT, a k-means of as many units as the published one, and a vocoder."""
    import joblib
    import numpy as np
    import torch
    from sklearn.cluster import MiniBatchKMeans
    from transformers import HubertConfig, HubertModel

    torch.manual_seed(0)
    config = HubertConfig(
        hidden_size=16,
        num_hidden_layers=10,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    hubert = HubertModel(config).eval()
    folder = mirror / "hf" / "facebook" / "hubert-base-ls960"
    folder.mkdir(parents=True)
    config.save_pretrained(folder)
    torch.save(hubert.state_dict(), folder / "pytorch_model.bin")
    data = np.random.default_rng(0).standard_normal((600, 16), np.float32)
    (mirror / "textless").mkdir()
    kmeans = MiniBatchKMeans(n_clusters=500, n_init=1, max_iter=2, random_state=np.random.RandomState(0)).fit(data)
    joblib.dump(kmeans, mirror / "textless" / "hubert_base_ls960_L9_km500.bin")
    vocoder = mirror / "textless" / "hubert_base_ls960_L9_km500_hifigan"
    vocoder.mkdir()
    shape = {"num_embeddings": 500, "embedding_dim": 6, "num_speakers": 3, "num_styles": 2}
    (vocoder / "config.json").write_text(json.dumps(shape | {"multispkr": "from_input", "multistyle": True}))
    state = {
        "dict.weight": torch.randn(500, 6),
        "spkr.weight": torch.randn(3, 6),
        "style.weight": torch.randn(2, 6),
        "layer.weight": torch.randn(320, 6) / 3,
        "layer.bias": torch.zeros(320),
    }
    torch.save({"generator": state}, vocoder / "generator.pt")


def prepare(mirror: Path, patch: pytest.MonkeyPatch) -> None:
    """Weights and environment."""
    published = HubertUnits.mode_spec

    def of_any_digest(mode: str | None) -> CodecSpec:
        spec = published(mode)
        return replace(spec, weights=tuple(replace(weight, sha256=None) for weight in spec.weights))

    checkpoints(mirror)
    use(patch, environment(HubertUnits.environment, mirror, {REPOSITORY: FILES}), *CLASSES)
    patch.setattr(HubertUnits, "mode_spec", staticmethod(of_any_digest))
