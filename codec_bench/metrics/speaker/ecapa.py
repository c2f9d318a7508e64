"""ECAPA-TDNN of SpeechBrain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from codec_bench.audio import Audio
from codec_bench.hub import RemoteFile
from codec_bench.metrics.checkpoints import Weights, loader
from codec_bench.metrics.model import Model, model_feature, waves
from codec_bench.metrics.resampling import SINC
from codec_bench.metrics.similarity import RATE, equal_lengths, similarity
from codec_bench.metrics.speaker.networks import HOP, MELS, WINDOW

if TYPE_CHECKING:
    from torch import Tensor

ECAPA = RemoteFile("hf/speechbrain/spkrec-ecapa-voxceleb/embedding_model.ckpt")


def ecapa_features(signals: Tensor) -> Tensor:
    """Log mel energies as SpeechBrain's `Fbank` makes them, the mean of each band over time subtracted.

    Args:
        signals: float32 `[batch, n]` in [-1, 1] at 16 kHz.

    Returns:
        `[batch, 1 + n // 160, 80]` in dB, before the subtraction not below 80 dB under the loudest.
    """
    import torch

    window = torch.hamming_window(WINDOW, device=signals.device)
    spectrum = torch.stft(
        signals, WINDOW, HOP, window=window, center=True, pad_mode="constant", return_complex=True
    ).transpose(1, 2)
    mel = torch.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), MELS + 2, device=signals.device)
    edges = 700 * (10 ** (mel / 2595) - 1)
    # Both sides of a triangle are as wide as its left one.
    slope = (torch.linspace(0, RATE // 2, WINDOW // 2 + 1, device=signals.device) - edges[1:-1, None]) / (
        edges[1:] - edges[:-1]
    )[:-1, None]
    bands = (1 - slope.abs()).clamp(min=0)
    decibels = 10 * torch.log10(((spectrum.real**2 + spectrum.imag**2) @ bands.T).clamp(min=1e-10))
    decibels = torch.maximum(decibels, decibels.amax(dim=(1, 2), keepdim=True) - 80)
    return decibels - decibels.mean(dim=1, keepdim=True)


def ecapa_embedding(weights: Weights, features: Tensor) -> Tensor:
    """ECAPA-TDNN with 1024 channels, as SpeechBrain has it.

    Args:
        weights: The published checkpoint, whose embedding has 192 dimensions.
        features: `[batch, frames, 80]` of `ecapa_features`; at least 5 frames.

    Returns:
        `[batch, 192]`.

    Source: Desplanques et al., "ECAPA-TDNN: Emphasized channel attention, propagation and aggregation in TDNN based
    speaker verification", Interspeech 2020; speechbrain/spkrec-ecapa-voxceleb.
    """
    import torch
    from torch.nn import functional

    w = weights

    def layer(x: Tensor, name: str, dilation: int = 1) -> Tensor:
        reach = (w.tensors[f"{name}.conv.conv.weight"].shape[-1] - 1) // 2 * dilation
        padded = functional.pad(x, (reach, reach), mode="reflect") if reach else x
        return w.norm(torch.relu(w.convolution(padded, f"{name}.conv.conv", dilation=dilation)), f"{name}.norm.norm")

    def block(x: Tensor, name: str, dilation: int) -> Tensor:
        parts = list(layer(x, f"{name}.tdnn1").chunk(8, dim=1))
        for index in range(1, 8):
            part = parts[index] + parts[index - 1] if index > 1 else parts[index]
            parts[index] = layer(part, f"{name}.res2net_block.blocks.{index - 1}", dilation)
        y = layer(torch.cat(parts, dim=1), f"{name}.tdnn2")
        squeezed = torch.relu(w.convolution(y.mean(2, keepdim=True), f"{name}.se_block.conv1.conv"))
        return x + y * torch.sigmoid(w.convolution(squeezed, f"{name}.se_block.conv2.conv"))

    def moments(x: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        mean = (shares * x).sum(2, keepdim=True)
        return mean, (shares * (x - mean) ** 2).sum(2, keepdim=True).clamp(min=1e-12).sqrt()

    outputs = [layer(features.transpose(1, 2), "blocks.0")]
    for index in (1, 2, 3):
        outputs.append(block(outputs[-1], f"blocks.{index}", index + 1))
    x = layer(torch.cat(outputs[1:], dim=1), "mfa")
    mean, deviation = moments(x, torch.full_like(x, 1 / x.shape[2]))
    context = torch.cat([x, mean.expand_as(x), deviation.expand_as(x)], dim=1)
    attention = w.convolution(torch.tanh(layer(context, "asp.tdnn")), "asp.conv.conv").softmax(dim=2)
    pooled = w.norm(torch.cat(moments(x, attention), dim=1), "asp_bn.norm")
    return w.convolution(pooled, "fc.conv")[..., 0]


ECAPA_SAMPLES = 4 * HOP
"""Five frames: the outermost layer reflects four at each end."""


@equal_lengths("ECAPA-TDNN", ECAPA_SAMPLES)
def _apply_ecapa(weights: Weights, audios: Sequence[Audio]) -> Tensor:
    return ecapa_embedding(weights, ecapa_features(waves(audios, weights.device)))


ECAPA_MODEL = Model(
    "ecapa-voxceleb",
    loader("ECAPA-TDNN", ECAPA, ecapa_embedding, ((1, 16, MELS), (1, 192))),
    _apply_ecapa,
    weights=(ECAPA,),
    packages=("torch",),
    licence="Apache-2.0",
    equal_lengths=True,
)

ecapa_feature = model_feature(ECAPA_MODEL, SINC)
"""Embedding of a whole signal at 16 kHz, float32 `[192]`, not normalized."""


ecapa_similarity = similarity(
    "ecapa_sim",
    "ECAPA SIM",
    "Cosine of ECAPA-TDNN embeddings (speechbrain/spkrec-ecapa-voxceleb) of the whole recordings.",
    ecapa_feature,
    version=2,
)
"""Similarity of two recordings of 40 ms or more."""
