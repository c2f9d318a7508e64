"""LSCodec."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.lscodec.adapter import LSCODEC
from tests.adapters.isolated.standins import Expected, Samples, Wrong, nearest, write

CLASSES = tuple(LSCODEC.values())
SETTINGS = tuple((cls, None) for cls in CLASSES)

UTILS = """
import h5py
import kaldiio
import numpy as np
import torch
import torchaudio.transforms as transforms
from torch import nn


class Encoder(nn.Module):
    def __init__(self, layers, codebook):
        super().__init__()
        (dim, kernel, stride), *_ = eval(layers)
        self.conv = nn.Conv1d(1, dim, kernel, stride)
        self.register_buffer("codebook", torch.from_numpy(np.load(codebook)))

    def encode(self, waveform, mask=None):
        means = self.conv(waveform)[0].T
        return means, means, torch.cdist(means, self.codebook[0]).argmin(-1)[:, None]


def load_model(config=None, checkpoint=None):
    assert checkpoint is None and config["have_quantizer"]
    return Encoder(config["feature_extractor_params"]["conv_feature_layers"], config["pretrain_codebook"])
"""

VOCODER = """
from torch import nn


class HiFiGANGenerator(nn.Module):
    def __init__(self, upsample_scales, out_channels=1):
        super().__init__()
        assert isinstance(upsample_scales, tuple)
        self.layer = nn.Linear(6, 480)


class CTXVEC2WAVFrontend(nn.Module):
    def __init__(self, prompt_net_type, num_mels, vqvec_channels, prompt_channels):
        super().__init__()
        assert prompt_net_type == "ConvPromptPrenet" and num_mels == 80
        self.prompt = nn.Linear(prompt_channels, vqvec_channels)


class CTXVEC2WAVGenerator(nn.Module):
    def __init__(self, frontend, backend):
        super().__init__()
        self.frontend, self.backend = frontend, backend

    def inference(self, vqvec, prompt):
        assert vqvec.dim() == 3 and prompt.dim() == 3
        voice = self.frontend.prompt(prompt.mean(1, keepdim=True))
        return None, None, self.backend.layer(vqvec + voice).reshape(-1, 1)
"""

WAVLM = """
from torch import nn


class WavLMConfig:
    def __init__(self, cfg=None):
        self.__dict__.update(cfg)


class WavLM(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.layer = nn.Linear(320, cfg.width)

    def extract_features(self, source, output_layer=None):
        assert output_layer == 6 and source.dim() == 2 and abs(source.mean()) < 1e-5
        return self.layer(source[:, : source.shape[1] // 320 * 320].unflatten(1, (-1, 320))), None
"""

SOURCES = {
    "cantabile-kwok/LSCodec-Inference": {
        "lscodec/__init__.py": "",
        "lscodec/layers/__init__.py": "from .pqmf import *\n",
        "lscodec/layers/pqmf.py": "from scipy.signal import a_window_that_is_gone\n",
        "lscodec/models/__init__.py": "",
        "lscodec/models/ctx_v2w.py": VOCODER,
        "lscodec/ssl_models/__init__.py": "",
        "lscodec/ssl_models/WavLM.py": WAVLM,
        "lscodec/utils/__init__.py": UTILS,
    }
}

ENCODER_CONFIG = """
feature_extractor_params: {fs: 16000, conv_feature_layers: "[(6, 400, %d)]"}
feature_aggregator_params: {conv_feature_layers: "[(6, 2, 1)] * 2"}
have_quantizer: true
"""

VOCODER_CONFIG = """
generator_type: HiFiGANGenerator
generator_params:
  upsample_scales: !!python/tuple [8, 5, 4, 3]
prompt_net_type: ConvPromptPrenet
num_mels: 80
frontend_params: {vqvec_channels: 6, prompt_channels: 5}
repeat_input_tokens: %s
"""


def adjust(patch: pytest.MonkeyPatch) -> None:
    """WavLM has any digest."""
    for cls in CLASSES:
        *own, wavlm = cls.spec.weights
        patch.setattr(cls, "spec", replace(cls.spec, weights=(*own, replace(wavlm, sha256=None, size=None))))


def weights(mirror: Path) -> None:
    """Configurations, codebook and networks of each checkpoint, and WavLM."""
    for cls in CLASSES:
        (book,) = cls.spec.codebooks
        table = torch.randn(1, book.size, 6)
        encoder = {"conv.weight": torch.randn(6, 1, 400) / 6, "conv.bias": torch.randn(6) / 10, "codebook": table}
        vocoder = {
            "frontend.prompt.weight": torch.randn(6, 5),
            "frontend.prompt.bias": torch.randn(6) / 10,
            "backend.layer.weight": torch.randn(480, 6) / 10,
            "backend.layer.bias": torch.zeros(480),
        }
        contents = (
            table.numpy(),
            ENCODER_CONFIG % book.hop,
            VOCODER_CONFIG % ("true" if book.hop == 640 else "false"),
            {"model": {"generator": encoder}, "steps": 3},
            {"model": {"generator": vocoder}, "steps": 3},
        )
        for weight, content in zip(cls.spec.weights[:-1], contents, strict=True):
            write(mirror / weight.path, content)
    wavlm = {"layer.weight": torch.randn(5, 320), "layer.bias": torch.randn(5)}
    write(mirror / cls.spec.weights[-1].path, {"cfg": {"normalize": True, "width": 5}, "model": wavlm})


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    """The prompt is not sent."""
    codebook, _, _, *networks = (mirror / weight.path for weight in codec.spec.weights)
    encoder, vocoder, wavlm = (torch.load(path, weights_only=True)["model"] for path in networks)
    encoder, vocoder = encoder["generator"], vocoder["generator"]
    hop = int(codec.spec.codebooks[0].hop)
    windows = np.lib.stride_tricks.sliding_window_view(samples, 400)[::hop].copy()
    encoded = torch.from_numpy(windows) @ encoder["conv.weight"][:, 0].T + encoder["conv.bias"]
    table = torch.from_numpy(np.load(codebook))[0]
    normal = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-5)
    frames = torch.from_numpy(normal[: len(normal) // 320 * 320].reshape(-1, 320))
    prompt = frames @ wavlm["layer.weight"].T + wavlm["layer.bias"]
    voice = prompt.mean(0) @ vocoder["frontend.prompt.weight"].T + vocoder["frontend.prompt.bias"]

    def decoded(codes: list[torch.Tensor]) -> torch.Tensor:
        vectors = table[codes[0]].repeat_interleave(hop // 320, dim=0) + voice
        return (vectors @ vocoder["backend.layer.weight"].T).flatten()

    return Expected(
        [nearest(encoded, table)],
        decoded,
        side={"prompt": prompt},
        latents=lambda codes: {"quantized": table[codes[0]]},
    )


def code(path: Path) -> None:
    write(path, ENCODER_CONFIG.replace("[(6, 400, %d)]", "print(1)"))


WRONG = (Wrong((LSCODEC["lscodec-50hz"], None), 1, code, "no lists of numbers"),)
