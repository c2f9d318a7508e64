"""L3AC and SQ-Codec: packages of one shape, of which the second codes whole windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.l3ac.adapter import L3AC
from tests.adapters.isolated.standins import Expected, Samples, Wrong, analysed, synthesised, write

CLASSES = tuple(L3AC.values())
SETTINGS = tuple((L3AC[name], None) for name in ("l3ac-0.75k", "sq-codec-24k-24khz"))

PACKAGE = """
from pathlib import Path

import torch
from torch import nn

from .en_codec import ModelConfig

CONFIG_DIR = Path(__file__).parent / "configs"


class Levels(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size
        self.table = nn.Buffer(torch.linspace(-1, 1, 7)[:, None].repeat(1, 4))

    def to_features(self, indices):
        return self.table[indices %% 7]


class EnCodec(nn.Module):
    def __init__(self, config):
        super().__init__()
        hop, self.window = config.hop, config.window
        self.encoder = nn.Conv1d(1, 4, hop, hop, bias=False)
        self.quantizer = Levels(config.size)
        self.decoder = nn.ConvTranspose1d(4, 1, hop, hop, bias=False)
        self.en_encoder, self.en_decoder = nn.Linear(4, 4), nn.Linear(4, 4)

    @property
    def trainable_modules(self):
        return {name: getattr(self, name) for name in ("encoder", "quantizer", "decoder", "en_encoder", "en_decoder")}


class %s:
    def encode_audio(self, audio):
        assert audio.dim() == 2 and not self.network.training
        net = self.network
        padded = nn.functional.pad(audio, (0, -audio.shape[-1] %% net.window))
        states = net.en_encoder(net.encoder(padded[:, None]).transpose(1, 2))
        indices = ((states.mean(-1).tanh() + 1) * 3).round().int()
        return net.quantizer.to_features(indices), %s

    def decode_audio(self, audio_feature=None, indices=None):
        net = self.network
        return net.decoder(net.en_decoder(net.quantizer.to_features(indices)).transpose(1, 2))[:, 0]
"""

CONFIGURATION = """
class ModelConfig:
    def __init__(self, hop, window, size):
        self.hop, self.window, self.size = hop, window, size
"""


def window_of(cls: type[IsolatedCodec]) -> int:
    return cls.spec.padding or int(cls.spec.codebooks[0].hop)


SOURCES: dict[str, dict[str, str]] = {}
PACKAGES = {
    "l3ac/__init__.py": PACKAGE % ("L3AC", '{"indices": indices}'),
    "l3ac/en_codec.py": CONFIGURATION,
    "sq_codec/__init__.py": PACKAGE % ("SQCodec", "indices"),
    "sq_codec/en_codec.py": CONFIGURATION,
} | {
    "{}/configs/{}.toml".format(*(cls.spec.configuration or "").split()): (
        "sample_rate = 1\n[network_config]\n"
        f"hop = {cls.spec.codebooks[0].hop}\nwindow = {window_of(cls)}\nsize = {cls.spec.codebooks[0].size}\n"
    )
    for cls in CLASSES
}


def weights(mirror: Path) -> None:
    for cls in CLASSES:
        for weight in cls.spec.weights:
            write(mirror / weight.path, part(Path(weight.path).stem, int(cls.spec.codebooks[0].hop)))


def part(name: str, hop: int) -> dict[str, torch.Tensor]:
    if name == "quantizer":
        return {"table": torch.linspace(-1, 1, 7)[:, None].repeat(1, 4)}
    if name.startswith("en_"):
        return {"weight": torch.randn(4, 4), "bias": torch.randn(4)}
    return {"weight": torch.randn(4, 1, hop) / hop**0.5}


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    files = {Path(w.path).stem: torch.load(mirror / w.path, weights_only=True) for w in codec.spec.weights}
    padded = np.pad(samples, (0, -len(samples) % window_of(type(codec))))
    states = analysed(padded, files["encoder"]["weight"]) @ files["en_encoder"]["weight"].T
    codes = ((states + files["en_encoder"]["bias"]).mean(-1).tanh() * 3 + 3).round().long()
    table = files["quantizer"]["table"]

    def decoded(codes: list[torch.Tensor]) -> torch.Tensor:
        mixed = table[codes[0]] @ files["en_decoder"]["weight"].T + files["en_decoder"]["bias"]
        return synthesised(mixed, files["decoder"]["weight"])

    return Expected([codes], decoded, latents=lambda codes: {"quantized": table[codes[0]]})


WRONG = (Wrong((L3AC["l3ac-3k"], None), 0, lambda path: write(path, part("encoder", 100)), "size mismatch"),)
