"""BigVGAN."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codec_bench.adapters.isolated.bigvgan.codec import BigVgan
from tests.adapters.isolated.standins import environment, use

CLASSES = (BigVgan,)

REPOSITORY = "NVIDIA/BigVGAN"

CODE = """
import torch
from huggingface_hub import PyTorchModelHubMixin, hf_hub_download
from torch import nn
from env import AttrDict


class BigVGAN(nn.Module, PyTorchModelHubMixin, library_name="bigvgan", tags=["vocoder"]):
    def __init__(self, h, use_cuda_kernel=False):
        super().__init__()
        assert not use_cuda_kernel
        self.h = h
        self.layer = nn.ConvTranspose1d(h.num_mels, 1, h.hop_size, h.hop_size)
        self.normed = True

    def remove_weight_norm(self):
        self.normed = False

    def forward(self, x):
        assert not self.normed and x.shape[:2] == (1, self.h.num_mels)
        return torch.tanh(self.layer(x))
"""

MEL = """
import torch


def get_mel_spectrogram(wav, h):
    assert wav.dim() == 2 and wav.shape[1] % h.hop_size == 0
    spectrum = torch.stft(wav, 198, h.hop_size, window=torch.hann_window(198), return_complex=True).abs()
    return torch.log(spectrum[:, : h.num_mels, : wav.shape[1] // h.hop_size] + 1e-5)
"""

FILES = {
    "bigvgan.py": CODE,
    "meldataset.py": MEL,
    "env.py": "class AttrDict(dict):\n    def __init__(self, *a):\n        super().__init__(*a)\n"
    "        self.__dict__ = self\n",
    "utils.py": "",
    "activations.py": "",
}

CONFIG = {"num_mels": 100, "hop_size": 256, "sampling_rate": 24_000}


def checkpoint(config: Path, weights: Path) -> None:
    """The configuration and the weights."""
    import torch

    torch.manual_seed(0)
    weights.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(json.dumps(CONFIG))
    state = {"layer.weight": torch.randn(100, 1, 256) / 100, "layer.bias": torch.zeros(1)}
    torch.save({"generator": state}, weights)


def prepare(mirror: Path, patch: pytest.MonkeyPatch) -> None:
    """Configuration, checkpoint and environment."""
    checkpoint(*(mirror / weight.path for weight in BigVgan.weights()))
    use(patch, environment(BigVgan.environment, mirror, {REPOSITORY: FILES}), *CLASSES)
