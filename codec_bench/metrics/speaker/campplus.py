"""CAM++ of 3D-Speaker, whose similarity is that of the LongCat paper's figure 6."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from codec_bench.audio import Audio, FloatArray
from codec_bench.hub import RemoteFile
from codec_bench.metrics.checkpoints import Weights, loader
from codec_bench.metrics.model import Model, model_feature
from codec_bench.metrics.similarity import RATE, equal_lengths, similarity
from codec_bench.metrics.speaker.networks import HOP, MELS, WINDOW

if TYPE_CHECKING:
    from torch import Tensor

CAMPPLUS = RemoteFile("hf/funasr/campplus/campplus_cn_common.bin", revision="fb71fe990cbf6031ae6987a2d76fe64f94377b7e")
_KALDI_FFT = 512


def kaldi_fbank(samples: FloatArray) -> FloatArray:
    """Log mel energies of `[n]` at 16 kHz, n >= 400, as Kaldi's `compute-fbank-feats` makes them, without dither.

    Returns:
        float32 `[1 + (n - 400) // 160, 80]`: frames of 25 ms every 10 ms that lie wholly in the signal, 80 bands from
        20 Hz to 8 kHz.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), WINDOW)[::HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    frames = frames - 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    povey = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1))) ** 0.85
    power = np.abs(np.fft.rfft(frames * povey, _KALDI_FFT)) ** 2
    energies = power @ _kaldi_bands().T
    return np.asarray(np.log(np.maximum(energies, np.finfo(np.float32).eps)), np.float32)


@cache
def _kaldi_bands() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Triangles on the mel scale of HTK, `[80, 257]`; unlike others they are triangles in mel, not in Hz."""
    mel = 1127 * np.log1p(np.arange(_KALDI_FFT // 2 + 1) * RATE / _KALDI_FFT / 700)
    low, high = 1127 * np.log1p(np.array([20, RATE / 2]) / 700)
    step = (high - low) / (MELS + 1)
    left = low + step * np.arange(MELS)[:, None]
    bands = np.maximum(0, np.minimum((mel - left) / step, (left + 2 * step - mel) / step))
    bands[:, -1] = 0  # Kaldi leaves the bin at half the rate out
    return np.asarray(bands)


def campplus_embedding(weights: Weights, features: Tensor) -> Tensor:
    """CAM++: a convolutional head, then densely connected TDNN layers with masks that look at the context.

    Args:
        weights: The published checkpoint, whose embedding has 192 dimensions.
        features: `[batch, frames, 80]`, each band with its mean over time subtracted; at least 3 frames.

    Returns:
        `[batch, 192]`.

    Source: Wang et al., "CAM++: A fast and efficient network for speaker verification using context-aware masking",
    Interspeech 2023; modelscope/3D-Speaker.
    """
    import torch
    from torch.nn import functional

    w = weights

    def active(x: Tensor, name: str) -> Tensor:
        return torch.relu(w.norm(x, name))

    def residual(x: Tensor, name: str, stride: int) -> Tensor:
        y = active(w.convolution(x, f"{name}.conv1", stride=(stride, 1), padding=1), f"{name}.bn1")
        y = w.norm(w.convolution(y, f"{name}.conv2", padding=1), f"{name}.bn2")
        if f"{name}.shortcut.0.weight" in w.tensors:
            x = w.norm(w.convolution(x, f"{name}.shortcut.0", stride=(stride, 1)), f"{name}.shortcut.1")
        return torch.relu(x + y)

    def masked(x: Tensor, name: str, dilation: int) -> Tensor:
        local = w.convolution(x, f"{name}.linear_local", padding=dilation, dilation=dilation)
        segments = functional.avg_pool1d(x, 100, 100, ceil_mode=True).repeat_interleave(100, dim=-1)
        context = x.mean(-1, keepdim=True) + segments[..., : x.shape[-1]]
        context = torch.relu(w.convolution(context, f"{name}.linear1"))
        return local * torch.sigmoid(w.convolution(context, f"{name}.linear2"))

    x = active(w.convolution(features.transpose(1, 2)[:, None], "head.conv1", padding=1), "head.bn1")
    for layer in ("head.layer1", "head.layer2"):
        x = residual(residual(x, f"{layer}.0", 2), f"{layer}.1", 1)
    x = active(w.convolution(x, "head.conv2", stride=(2, 1), padding=1), "head.bn2").flatten(1, 2)
    x = active(w.convolution(x, "xvector.tdnn.linear", stride=2, padding=2), "xvector.tdnn.nonlinear.batchnorm")
    for block, (layers, dilation) in enumerate(((12, 1), (24, 2), (16, 2)), start=1):
        for layer_number in range(1, layers + 1):
            name = f"xvector.block{block}.tdnnd{layer_number}"
            y = w.convolution(active(x, f"{name}.nonlinear1.batchnorm"), f"{name}.linear1")
            y = masked(active(y, f"{name}.nonlinear2.batchnorm"), f"{name}.cam_layer", dilation)
            x = torch.cat([x, y], dim=1)
        x = w.convolution(active(x, f"xvector.transit{block}.nonlinear.batchnorm"), f"xvector.transit{block}.linear")
    x = active(x, "xvector.out_nonlinear.batchnorm")
    statistics = torch.cat([x.mean(-1), x.std(-1)], dim=-1)[..., None]
    dense = w.convolution(statistics, "xvector.dense.linear")[..., 0]
    return w.norm(dense, "xvector.dense.nonlinear.batchnorm")


CAMPPLUS_SAMPLES = WINDOW + 2 * HOP
"""Three frames, of which the network makes two; the deviation of one is not defined."""


@equal_lengths("CAM++", CAMPPLUS_SAMPLES)
def _apply_campplus(weights: Weights, audios: Sequence[Audio]) -> Tensor:
    import torch

    features = np.stack([kaldi_fbank(audio.samples) for audio in audios])
    features -= features.mean(axis=1, keepdims=True)
    return campplus_embedding(weights, torch.from_numpy(features).to(weights.device))


CAMPPLUS_MODEL = Model(
    "campplus",
    loader("CAM++", CAMPPLUS, campplus_embedding, ((1, 16, MELS), (1, 192))),
    _apply_campplus,
    weights=(CAMPPLUS,),
    packages=("torch",),
    licence="Apache-2.0",
    equal_lengths=True,
)

campplus_feature = model_feature(CAMPPLUS_MODEL)
"""Embedding of a whole signal at 16 kHz, float32 `[192]`, not normalized."""


campplus_similarity = similarity(
    "campplus_sim",
    "CAM++ SIM",
    "Cosine of CAM++ embeddings (iic/speech_campplus_sv_zh-cn_16k-common) of the whole recordings.",
    campplus_feature,
)
"""Similarity of two recordings of 45 ms or more."""
