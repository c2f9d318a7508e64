"""LSCodec."""

from __future__ import annotations

from pathlib import Path

import pytest

from codec_bench.adapters.isolated.lscodec.codec import CODECS, LsCodec
from codec_bench.adapters.spec import CodecSpec
from tests.adapters.isolated.standins import environment, use

CLASSES = tuple(CODECS.values())

REPOSITORY = "cantabile-kwok/LSCodec-Inference"

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

FILES = {
    "lscodec/__init__.py": "",
    "lscodec/layers/__init__.py": "from .pqmf import *\n",
    "lscodec/layers/pqmf.py": "from scipy.signal import a_window_that_is_gone\n",
    "lscodec/models/__init__.py": "",
    "lscodec/models/ctx_v2w.py": VOCODER,
    "lscodec/ssl_models/__init__.py": "",
    "lscodec/ssl_models/WavLM.py": WAVLM,
    "lscodec/utils/__init__.py": UTILS,
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


def checkpoints(mirror: Path, spec: CodecSpec) -> None:
    """Configurations, codebook and networks of a checkpoint, and WavLM."""
    import numpy as np
    import torch

    torch.manual_seed(0)
    (codebook,) = spec.codebooks
    folder = (mirror / spec.weights[0].path).parent
    folder.mkdir(parents=True, exist_ok=True)
    book = np.random.default_rng(0).standard_normal((1, codebook.size, 6), np.float32)
    np.save(folder / "codebook.npy", book)
    (folder / "encoder_config.yml").write_text(ENCODER_CONFIG % codebook.hop, encoding="utf-8")
    repeats = "true" if codebook.hop == 640 else "false"
    (folder / "vocoder_config.yml").write_text(VOCODER_CONFIG % repeats, encoding="utf-8")
    networks = {
        "encoder": {
            "conv.weight": torch.randn(6, 1, 400) / 6,
            "conv.bias": torch.randn(6) / 10,
            "codebook": torch.from_numpy(book),
        },
        "vocoder": {
            "frontend.prompt.weight": torch.randn(6, 5),
            "frontend.prompt.bias": torch.randn(6) / 10,
            "backend.layer.weight": torch.randn(480, 6) / 10,
            "backend.layer.bias": torch.zeros(480),
        },
    }
    for name, state in networks.items():
        torch.save({"model": {"generator": state}, "steps": 3}, folder / f"lscodec_{name}.pt")
    wavlm = {"layer.weight": torch.randn(5, 320), "layer.bias": torch.randn(5)}
    (mirror / "wavlm").mkdir(exist_ok=True)
    torch.save({"cfg": {"normalize": True, "width": 5}, "model": wavlm}, mirror / "wavlm" / "WavLM-Large.pt")


def prepare(mirror: Path, patch: pytest.MonkeyPatch) -> None:
    """Weights and environment."""
    for cls in CLASSES:
        checkpoints(mirror, cls.spec)
    use(patch, environment(LsCodec.environment, mirror, {REPOSITORY: FILES}), *CLASSES)
