"""UTMOS: naturalness predicted by the strong learner of the UTokyo-SaruLab system for the VoiceMOS Challenge 2022.

Source: Saeki et al., "UTMOS: UTokyo-SaruLab System for VoiceMOS Challenge 2022", Interspeech 2022; the checkpoint
"epoch=3-step=7459" as the package SpeechMOS publishes it, which needs no fairseq: the domain is 0, the judge 288, and
there is no phoneme encoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codec_bench.audio import Audio
from codec_bench.hub import RemoteFile
from codec_bench.metrics.checkpoints import Weights, loader, read_checkpoint
from codec_bench.metrics.model import Model, model_feature, stacked, waves
from codec_bench.metrics.opinions import single_opinion_score
from codec_bench.metrics.resampling import SINC

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000
MIN_SAMPLES = 400
"""What one frame of wav2vec 2.0 sees; a shorter signal has none."""

STRIDES = (5, 2, 2, 2, 2, 2, 2)
"""Of the convolutions that make a frame every 20 ms."""

LAYERS, HEADS = 12, 12
POSITIONS, POSITION_GROUPS = "wav2vec2.encoder.pos_conv.0", 16

WEIGHTS = RemoteFile(
    "models/utmos/utmos22_strong_step7459_v1.pt",
    sha256="38aa51ab79e2a4e09a1449758a4b37e9cbb2e8235a49662a732d33a9ba1e9bff",
    size=411_179_119,
    source="https://github.com/tarepan/SpeechMOS/releases/download/v1.0.0/utmos22_strong_step7459_v1.pt",
)


def folded(state: Mapping[str, Tensor]) -> Weights:
    """The tensors of the published checkpoint, with one for the weight of the convolution over positions.

    Args:
        state: As published: that weight as its direction `weight_v` and its norm `weight_g` for each position in the
            kernel.
    """
    tensors = dict(state)
    direction, norm = tensors.pop(f"{POSITIONS}.weight_v"), tensors.pop(f"{POSITIONS}.weight_g")
    return Weights(tensors | {f"{POSITIONS}.weight": direction * (norm / direction.norm(dim=(0, 1), keepdim=True))})


def read_folded(path: Path, device: str) -> Weights:
    """The weights in the published file."""
    return folded(read_checkpoint(path, device))


def naturalness(weights: Weights, signals: Tensor) -> Tensor:
    """The strong learner: wav2vec 2.0 base, embeddings of domain and judge, a BLSTM, and the mean over frames.

    Args:
        weights: Of `folded`.
        signals: float32 `[batch, n]` at 16 kHz, at least 400 samples.

    Returns:
        Opinions `[batch]`.
    """
    import torch
    from torch.nn.functional import gelu, group_norm, scaled_dot_product_attention

    tensors, linear, norm = weights.tensors, weights.linear, weights.layer_norm

    def attention(x: Tensor, name: str) -> Tensor:
        split = (*x.shape[:2], HEADS, -1)
        query, key, value = (linear(x, f"{name}.{which}_proj").view(split).transpose(1, 2) for which in "qkv")
        mixed = scaled_dot_product_attention(query, key, value)
        return linear(mixed.transpose(1, 2).flatten(2), f"{name}.out_proj")

    x = signals[:, None]
    for index, stride in enumerate(STRIDES):
        layer = f"wav2vec2.feature_extractor.conv_layers.{index}"
        x = weights.convolution(x, f"{layer}.0", stride=stride)
        if index == 0:
            x = group_norm(x, x.shape[1], tensors[f"{layer}.2.weight"], tensors[f"{layer}.2.bias"])
        x = gelu(x)
    x = linear(norm(x.transpose(1, 2), "wav2vec2.layer_norm"), "wav2vec2.post_extract_proj")
    kernel = tensors[f"{POSITIONS}.weight"].shape[2]
    positions = weights.convolution(x.transpose(1, 2), POSITIONS, padding=kernel // 2, groups=POSITION_GROUPS)
    # The even kernel gives one frame too many.
    x = norm(x + gelu(positions[..., :-1]).transpose(1, 2), "wav2vec2.encoder.layer_norm")
    for layer in (f"wav2vec2.encoder.layers.{index}" for index in range(LAYERS)):
        x = norm(x + attention(x, f"{layer}.self_attn"), f"{layer}.self_attn_layer_norm")
        x = norm(x + linear(gelu(linear(x, f"{layer}.fc1")), f"{layer}.fc2"), f"{layer}.final_layer_norm")
    context = torch.cat([tensors["domain_emb"], tensors["judge_emb"]], 1)[:, None].expand(*x.shape[:2], -1)
    x, _ = weights.lstm(torch.cat([x, context], 2), "blstm")
    return 2 * linear(linear(x, "projection.0").relu(), "projection.2").mean(dim=(1, 2)) + 3


@stacked(MIN_SAMPLES, f"UTMOS needs {MIN_SAMPLES} samples, 25 ms")
def _apply(weights: Weights, audios: Sequence[Audio]) -> Tensor:
    return naturalness(weights, waves(audios, weights.device))


MODEL = Model(
    "utmos",
    loader("UTMOS", WEIGHTS, naturalness, ((1, MIN_SAMPLES), (1,)), read_folded),
    _apply,
    weights=(WEIGHTS,),
    packages=("torch",),
    licence="MIT",
    equal_lengths=True,
    batch_seconds=60.0,
    is_heavy=True,
)

utmos = single_opinion_score(
    "utmos",
    "UTMOS",
    "UTMOS22 strong learner (wav2vec 2.0 base, epoch 3, step 7459, domain 0, judge 288, no phonemes), at 16 kHz; "
    "the scale is 1 to 5, and the network may leave it.",
    score=model_feature(MODEL, SINC),
    rate=RATE,
    version=2,
    hears_polarity=True,
)
"""Naturalness by UTMOS of a signal of 25 ms or more: about 1 to 5, not clamped."""
