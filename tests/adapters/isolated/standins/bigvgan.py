"""BigVGAN."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.bigvgan.adapter import BigVgan
from tests.adapters.isolated.standins import Expected, Samples, synthesised, write

CLASSES = (BigVgan,)
SETTINGS = ((BigVgan, None),)

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

SOURCES = {
    "NVIDIA/BigVGAN": {
        "bigvgan.py": CODE,
        "meldataset.py": MEL,
        "env.py": "class AttrDict(dict):\n    def __init__(self, *a):\n        super().__init__(*a)\n"
        "        self.__dict__ = self\n",
        "utils.py": "",
        "activations.py": "",
    }
}

CONFIG = {"num_mels": 100, "hop_size": 256, "sampling_rate": 24_000}


def weights(mirror: Path) -> None:
    """The configuration and the weights."""
    config, generator = (mirror / weight.path for weight in BigVgan.spec.weights)
    write(config, json.dumps(CONFIG))
    state = {"layer.weight": torch.randn(100, 1, 256) / 100, "layer.bias": torch.zeros(1)}
    write(generator, {"generator": state})


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    """A spectrogram and no codes."""
    padded = torch.from_numpy(np.pad(samples, (0, -len(samples) % 256)))[None]
    spectrum = torch.stft(padded, 198, 256, window=torch.hann_window(198), return_complex=True).abs()
    mel = torch.log(spectrum[:, :100, : padded.shape[1] // 256] + 1e-5)[0]
    weight = torch.load(mirror / codec.spec.weights[1].path, weights_only=True)["generator"]["layer.weight"]
    return Expected([], lambda codes: torch.tanh(synthesised(mel.T, weight)), side={"mel": mel})
