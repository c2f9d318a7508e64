"""Stable Codec, stable-audio-tools and FlashAttention in one tree."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.stable_codec.adapter import StableCodec
from tests.adapters.isolated.standins import Expected, Samples, write

CLASSES = (StableCodec,)
SETTINGS = tuple((StableCodec, mode) for mode in StableCodec.modes)

AUTOENCODER = """
import k_diffusion as K
import torch
from einops_exts import rearrange_many
from torch import nn

from .training.utils import copy_state_dict


class AudioAutoencoder(nn.Module):
    downsampling_ratio = 640

    def __init__(self):
        super().__init__()
        self.encoder = nn.Conv1d(1, 6, 640, 640)
        self.decoder = nn.ConvTranspose1d(6, 1, 640, 640)

    def encode_audio(self, audio, skip_bottleneck=False):
        assert audio.dim() == 3 and audio.shape[-1] % 640 == 0 and skip_bottleneck
        return self.encoder(audio)

    def decode_audio(self, latents):
        return self.decoder(latents)


def create_model_from_config(config):
    assert config["model_type"] == "autoencoder"
    return AudioAutoencoder()
"""

TOOLS = """
def create_model_from_config(config):
    from .models import create_model_from_config

    return create_model_from_config(config)
"""

VOLUME = """
class VolumeNorm:
    def __init__(self, params=(-16, 2), sample_rate=16000):
        assert list(params) == [-20, 0] and sample_rate == 16000

    def __call__(self, signal):
        assert signal.dim() == 2
        energy = signal.square().mean()
        return signal if energy < 1e-6 else signal * (0.1 / energy.sqrt())
"""

QUANTIZER = """
import torch
from torch import nn

from .fsq import indices


class ResidualFSQBottleneck(nn.Module):
    def __init__(self, stages):
        super().__init__()
        self.stages = stages

    def encode(self, x):
        left = torch.tanh(x.double()).transpose(1, 2)
        ids = []
        for levels, scale in self.stages:
            step = 2 * scale / (levels[0] - 1)
            whole = ((left + scale) / step).round().clamp(0, levels[0] - 1)
            left = left - (whole * step - scale)
            ids.append(indices(whole, levels)[..., None])
        return ids

    def decode(self, res_ids):
        total = 0
        for (levels, scale), ids in zip(self.stages, res_ids):
            assert ids.dim() == 3 and ids.shape[-1] == 1
            whole = torch.cat([ids // levels[0] ** i % levels[0] for i in range(len(levels))], dim=-1)
            total = total + whole * (2 * scale / (levels[0] - 1)) - scale
        return total.transpose(1, 2)
"""

FSQ = """
import torch


def indices(whole, levels):
    return (whole.long() * torch.tensor([levels[0] ** i for i in range(len(levels))])).sum(-1)
"""

SOURCES = {
    "Stability-AI/stable-codec": {
        "stable_codec/__init__.py": "raise ImportError('it imports the trainer')\n",
        "stable_codec/fsq.py": FSQ,
        "stable_codec/residual_fsq.py": QUANTIZER,
    }
}
PACKAGES = {
    "stable_audio_tools/__init__.py": TOOLS,
    "stable_audio_tools/models.py": AUTOENCODER,
    "stable_audio_tools/data/__init__.py": "",
    "stable_audio_tools/data/utils.py": VOLUME,
    "stable_audio_tools/training/__init__.py": "import wandb_that_nobody_has\n",
    "flash_attn/__init__.py": "",
}
"""What pip would install."""


def adjust(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(StableCodec, "needs_gpu", False)


def weights(mirror: Path) -> None:
    """Configuration and weights."""
    config = {"model_type": "autoencoder", "sample_rate": 16_000}
    state = {
        "encoder.weight": torch.randn(6, 1, 640) / 3,
        "encoder.bias": torch.randn(6) / 10,
        "decoder.weight": torch.randn(6, 1, 640) / 10,
        "decoder.bias": torch.zeros(1),
        "proj_head.weight": torch.zeros(2),
    }
    for weight, content in zip(StableCodec.weights(), (json.dumps(config), state), strict=True):
        write(mirror / weight.path, content)


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    """Each codebook numbers the levels of six dimensions; the audio has the level of the samples."""
    state = load_file(mirror / codec.spec.weights[1].path)
    frames = np.pad(samples, (0, -len(samples) % 640)).reshape(-1, 640)
    gain = 0.1 / np.sqrt(np.mean(frames**2))
    books = codec.spec.codebooks
    levels = round(books[0].size ** (1 / 6))
    scales = {1: [1.0], 2: [1, 0.25], 4: [1, 0.5, 0.25, 0.125]}[len(books)]
    places = levels ** np.arange(6)
    left = np.tanh((gain * frames @ state["encoder.weight"][:, 0].T + state["encoder.bias"]).astype(np.float64))
    found = []
    for scale in scales:
        step = 2 * scale / (levels - 1)
        whole = np.clip(np.round((left + scale) / step), 0, levels - 1)
        left = left - (whole * step - scale)
        found.append(torch.from_numpy((whole @ places).astype(np.int64)))

    def quantized(codes: list[torch.Tensor]) -> torch.Tensor:
        parts = zip(codes, scales, strict=True)
        return torch.from_numpy(
            sum(book.numpy()[:, None] // places % levels * (2 * s / (levels - 1)) - s for book, s in parts)
        )

    decoder = torch.from_numpy(state["decoder.weight"][:, 0]).double()
    return Expected(
        found,
        lambda codes: (quantized(codes) @ decoder).flatten() / gain,
        side={"gain": torch.tensor([gain])},
        side_bits=32,
        latents=lambda codes: {"quantized": quantized(codes)},
    )
