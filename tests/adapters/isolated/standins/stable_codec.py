"""Stable Codec, stable-audio-tools and FlashAttention in one tree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codec_bench.adapters.isolated.stable_codec.codec import StableCodec
from tests.adapters.isolated.standins import environment, use

CLASSES = (StableCodec,)

REPOSITORY = "Stability-AI/stable-codec"

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

FILES = {
    "stable_codec/__init__.py": "raise ImportError('it imports the trainer')\n",
    "stable_codec/fsq.py": FSQ,
    "stable_codec/residual_fsq.py": QUANTIZER,
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


def checkpoint(folder: Path) -> None:
    """Configuration and weights."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_type": "autoencoder", "sample_rate": 16_000}
    (folder / "model_config.json").write_text(json.dumps(config), encoding="utf-8")
    state = {
        "encoder.weight": torch.randn(6, 1, 640) / 3,
        "encoder.bias": torch.randn(6) / 10,
        "decoder.weight": torch.randn(6, 1, 640) / 10,
        "decoder.bias": torch.zeros(1),
        "proj_head.weight": torch.zeros(2),
    }
    save_file(state, folder / "model.safetensors")


def prepare(mirror: Path, patch: pytest.MonkeyPatch) -> None:
    """Weights and environment."""
    checkpoint((mirror / StableCodec.weights()[0].path).parent)
    made = environment(StableCodec.environment, mirror, {REPOSITORY: FILES})
    site = next(made.folder.glob("venv/lib/python*/site-packages"))
    for name, text in PACKAGES.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text, encoding="utf-8")
    use(patch, made, *CLASSES)
    patch.setattr(StableCodec, "needs_gpu", False)
