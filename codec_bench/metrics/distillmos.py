"""DistillMOS: speech quality predicted from the decoded signal alone, by a small network that learned from a large one.

The weights are those of the PyPI package `distillmos`; where it is installed nothing is downloaded. Of that package no
code is used: it imports torchaudio and, for a pooling layer, a package that asks for librosa and transformers.

Source: Stahl and Gamper, "Distillation and Pruning for Scalable Self-Supervised Representation-Based Speech Quality
Assessment", ICASSP 2025.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from codec_bench.audio import Audio
from codec_bench.hub import RemoteFile
from codec_bench.metrics.checkpoints import Weights, read_checkpoint, weights_of
from codec_bench.metrics.model import Packaged, PublishedModel, model_feature, one_by_one
from codec_bench.metrics.opinions import single_opinion_score
from codec_bench.metrics.resampling import SINC
from codec_bench.metrics.signal import Array

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000
CROP, STEP = 122_880, 16_000
"""What the network hears at once, 7.68 s, and how far apart at most such crops of a longer signal begin."""

SHORTEST = RATE // 2
"""Half a second: the network has a score for anything, also for nothing."""

WINDOW, HOP = 320, 160
COMPRESSION = 0.3
CONVOLUTIONS, LAYERS, HEADS = 6, 7, 8
_EPSILON = 1e-12
_AT_ONCE = 8

WEIGHTS = RemoteFile(
    "models/distillmos/distill_mos_v7.pt",
    sha256="b18b3ac60227267cfb91e5d00ce22cc7b73716fd92f269484da1446e27031a40",
    size=16_907_522,
    source="https://raw.githubusercontent.com/microsoft/Distill-MOS/98c0a156b5dabf2b5a8fe9cee92145cdc2a2dcdb/distillmos/weights/distill_mos_v7.pt",
)


def quality(weights: Weights, crops: Tensor) -> Tensor:
    """The network: convolutions over a compressed spectrum, a transformer, and a mean over frames by attention.

    Args:
        weights: The published checkpoint.
        crops: float32 `[batch, 122880]` at 16 kHz, of any level: each is divided by its peak.

    Returns:
        Opinions `[batch]`, from 1 to 5.
    """
    import torch
    from torch.nn.functional import leaky_relu, pad

    tensors, linear, norm = weights.tensors, weights.linear, weights.layer_norm
    x = crops / (crops.abs().amax(dim=1, keepdim=True) + 1e-8)
    x = pad(x, ((WINDOW - HOP) // 2,) * 2, mode="reflect")
    window = torch.hann_window(WINDOW, device=x.device)
    spectrum = torch.stft(x, WINDOW, HOP, window=window, center=False, return_complex=True)
    magnitude = spectrum.abs().clamp(min=_EPSILON)
    x = torch.view_as_real(spectrum * magnitude ** (COMPRESSION - 1)).permute(0, 3, 1, 2)
    for index in range(CONVOLUTIONS):
        strides = (2 if index else 1, 2 if index == CONVOLUTIONS - 1 else 1)  # of frequency and time
        x = leaky_relu(weights.convolution(x, f"cnn.cnn.{2 * index}", stride=strides, padding=(0, 1)), 0.1)
    head = "transformer_pool_attn"
    x = weights.norm(weights.norm(x.flatten(1, 2), f"{head}.norm_input"), f"{head}.transformer.norm")
    x = linear(x.transpose(1, 2), f"{head}.transformer.linear_proj")
    x = x + tensors[f"{head}.transformer.position_encoding.pe"]
    for layer in (f"{head}.transformer.transformer_encoder.layers.{index}" for index in range(LAYERS)):
        x = norm(x + weights.self_attention(x, f"{layer}.self_attn", HEADS), f"{layer}.norm1")
        x = norm(x + linear(linear(x, f"{layer}.linear1").relu(), f"{layer}.linear2"), f"{layer}.norm2")
    x = weights.norm(x.transpose(1, 2), f"{head}.norm_trans").transpose(1, 2)
    shares = linear(linear(x, f"{head}.pool.linear1").relu(), f"{head}.pool.linear2").softmax(dim=1)
    return 1 + 4 * linear((shares * x).sum(dim=1), f"{head}.pool.linear3").sigmoid()[:, 0]


def crops(audio: Audio) -> list[int]:
    """Where the crops of a signal begin: at 0 alone, where one holds it all.

    >>> crops(Audio(np.zeros(150_000, np.float32), RATE))
    [0, 13560, 27120]
    """
    rest = max(len(audio) - CROP, 0)
    return [int(share * rest) for share in np.linspace(0, 1, -(-rest // STEP) + 1)]


_FILE = Packaged(WEIGHTS, "distillmos", "weights")


def _load(device: str) -> Weights:
    with weights_of("DistillMOS", WEIGHTS, _FILE.installed) as path:
        return Weights(read_checkpoint(path, device)["model"])


@one_by_one(SHORTEST, f"DistillMOS needs {SHORTEST / RATE:g} s to say anything")
def _apply(weights: Weights, audio: Audio) -> Array:
    import torch
    from torch.nn.functional import pad

    samples = torch.from_numpy(audio.samples)
    samples = pad(samples, (0, max(CROP - len(samples), 0)))
    parts = torch.stack([samples[begin : begin + CROP] for begin in crops(audio)])
    scores = [quality(weights, part.to(weights.device)).cpu() for part in torch.split(parts, _AT_ONCE)]
    return np.asarray(torch.cat(scores).mean().numpy(), np.float32)


MODEL = PublishedModel(
    "distillmos",
    _load,
    _apply,
    weights=_FILE,
    packages=("torch",),
    licence="MIT",
    published=WEIGHTS,
)

distillmos = single_opinion_score(
    "distillmos",
    "DistillMOS",
    "DistillMOS (variant 7) at 16 kHz; each 7.68 s are brought to full scale, so that loudness does not count.",
    score=model_feature(MODEL, SINC),
    rate=RATE,
    range=(1.0, 5.0),
    hears_polarity=True,
)
"""Quality by DistillMOS of a signal of half a second or more, from 1 to 5; differences below 0.1 of single files mean
nothing: 5 ms cut off the beginning move one by as much."""
