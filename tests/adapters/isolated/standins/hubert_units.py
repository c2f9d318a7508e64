"""The unit HiFi-GAN of textlesslib; HuBERT and k-means are small ones of transformers and scikit-learn."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.cluster import MiniBatchKMeans
from transformers import HubertConfig, HubertModel

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.hubert_units.adapter import HubertUnits
from codec_bench.adapters.spec import CodecSpec
from tests.adapters.isolated.standins import Expected, Samples, Wrong, write

CLASSES = (HubertUnits,)
SETTINGS = ((HubertUnits, "km500"),)

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

SOURCES = {
    "facebookresearch/textlesslib": {
        "textless/vocoders/hifigan/__init__.py": "",
        "textless/vocoders/hifigan/generator.py": GENERATOR,
        "textless/vocoders/hifigan/resblock.py": "SLOPE = 0.1\n",
    }
}


def adjust(patch: pytest.MonkeyPatch) -> None:
    """Files have any digest."""
    published = HubertUnits.mode_spec

    def of_any_digest(mode: str | None) -> CodecSpec:
        spec = published(mode)
        return replace(spec, weights=tuple(replace(weight, sha256=None) for weight in spec.weights))

    patch.setattr(HubertUnits, "mode_spec", staticmethod(of_any_digest))


def weights(mirror: Path) -> None:
    """A small HuBERT, a k-means of as many units as the published one, and a vocoder."""
    config, hubert, kmeans, generator, vocoder = (mirror / weight.path for weight in HubertUnits.weights())
    small = HubertConfig(
        hidden_size=16,
        num_hidden_layers=10,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    small.save_pretrained(config.parent)
    write(hubert, HubertModel(small).state_dict())
    data = np.random.default_rng(0).standard_normal((600, 16), np.float32)
    kmeans.parent.mkdir()
    units = MiniBatchKMeans(n_clusters=500, n_init=1, max_iter=2, random_state=np.random.RandomState(0))
    joblib.dump(units.fit(data), kmeans)
    shape = {"num_embeddings": 500, "embedding_dim": 6, "num_speakers": 3, "num_styles": 2}
    write(vocoder, json.dumps(shape | {"multispkr": "from_input", "multistyle": True}))
    state = {
        "dict.weight": torch.randn(500, 6),
        "spkr.weight": torch.randn(3, 6),
        "style.weight": torch.randn(2, 6),
        "layer.weight": torch.randn(320, 6) / 3,
        "layer.bias": torch.zeros(320),
    }
    write(generator, {"generator": state})


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    """The units that scikit-learn finds for the ninth layer."""
    config, _, kmeans, generator, _ = (mirror / weight.path for weight in codec.spec.weights)
    hubert = HubertModel.from_pretrained(config.parent).eval()  # type: ignore[no-untyped-call]
    taken = {}
    hubert.encoder.layers[8].register_forward_hook(lambda *call: taken.update(out=call[2]))
    with torch.no_grad():
        hubert(torch.from_numpy(samples)[None])
    features = taken["out"][0] if isinstance(taken["out"], tuple) else taken["out"]
    clusters = joblib.load(kmeans)
    units = torch.from_numpy(clusters.predict(features.reshape(-1, 16).numpy()))
    state = torch.load(generator, weights_only=True)["generator"]
    voice = state["spkr.weight"][0] + state["style.weight"][0]
    return Expected(
        [units],
        lambda codes: torch.tanh((state["dict.weight"][codes[0]] + voice) @ state["layer.weight"].T).flatten(),
        latents=lambda codes: {"centroids": torch.from_numpy(clusters.cluster_centers_)[codes[0]]},
    )


class Evil:
    """Says what to run when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("made-by-a-pickle",)


WRONG = tuple(
    Wrong((HubertUnits, "km500"), 2, lambda path, content=content: joblib.dump(content, path), message)
    for content, message in (
        (Evil(), "which no k-means needs"),
        (np.array([Evil()], dtype=object), "which no k-means needs|array of objects"),
    )
)
