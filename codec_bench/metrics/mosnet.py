"""MOSNet: opinion scores of converted voices, predicted by a network that learned those of the Voice Conversion
Challenge 2018.

Source: Lo et al., "MOSNet: Deep Learning based Objective Assessment for Voice Conversion", Interspeech 2019; the
CNN-BLSTM of the repository lochenchou/MOSNet, whose weights are a file of Keras.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from codec_bench.audio import Audio, FloatArray
from codec_bench.hub import RemoteFile
from codec_bench.metrics.checkpoints import Weights, loader
from codec_bench.metrics.model import Model, model_feature, stacked
from codec_bench.metrics.opinions import single_opinion_score
from codec_bench.metrics.resampling import KAISER_BEST_2016
from codec_bench.metrics.signal import Array

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000
WINDOW, HOP = 512, 256
MIN_SAMPLES = WINDOW // 2 + 1
"""The ends are mirrored by half a window; a shorter signal has too little to mirror."""

CONVOLUTIONS = 12
"""Every third one takes every third frequency: 257, 86, 29, 10, 4."""

WEIGHTS = RemoteFile(
    "models/mosnet/cnn_blstm.h5",
    source="https://github.com/lochenchou/MOSNet/raw/3ea20beaa3c1e886464fe0b1b9807fa62c732029/pre_trained/cnn_blstm.h5",
)


def spectrogram(samples: FloatArray) -> FloatArray:
    """Magnitude spectrogram as librosa made it in 2019.

    Args:
        samples: float32 `[n]` at 16 kHz, more than 256.

    Returns:
        float32 `[n // 256 + 1, 257]`: frames centred every 16 ms, ends mirrored; the Hamming window is the symmetric
        one.
    """
    padded = np.pad(samples.astype(np.float64), WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    return np.abs(np.fft.rfft(frames * np.hamming(WINDOW))).astype(np.float32)


def opinions(weights: Weights, spectrograms: Tensor) -> Tensor:
    """The network.

    Args:
        weights: Of `weights_from`.
        spectrograms: float32 `[batch, frames, 257]`.

    Returns:
        `[batch]`.
    """
    from torch.nn.functional import pad

    x = spectrograms[:, None]
    for index in range(CONVOLUTIONS):
        stride = 3 if index % 3 == 2 else 1
        x = pad(x, (*_same(x.shape[3], stride), 1, 1))
        x = weights.convolution(x, f"convolutions.{index}", stride=(1, stride)).relu()
    x = x.permute(0, 2, 3, 1).flatten(2)  # by frequency, then by channel
    x, _ = weights.lstm(x, "blstm")
    return weights.linear(weights.linear(x, "dense").relu(), "frame").mean(dim=(1, 2))


def _same(size: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis that TensorFlow's padding `same` puts there for a kernel of 3."""
    total = max((-(-size // stride) - 1) * stride + 3 - size, 0)
    return total // 2, total - total // 2


def keras_weights(path: Path) -> list[Array]:
    """All weights of a Keras model in an HDF5 file, layer by layer, whether the model or only its weights were saved.

    Raises:
        OSError: It is not an HDF5 file.
        KeyError: It is none of Keras.
    """
    import h5py

    with h5py.File(path, "r") as file:
        group = file.get("model_weights", file)
        layers = [group[_text(name)] for name in group.attrs["layer_names"]]
        return [np.asarray(layer[_text(name)]) for layer in layers for name in layer.attrs["weight_names"]]


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def weights_from(arrays: Sequence[Array]) -> Weights:
    """The weights of a Keras file under the names and in the layout of `opinions`.

    Args:
        arrays: In the order of the layers: kernel `[3, 3, in, out]` and bias of each convolution; kernel
            `[in, 4 * 128]`, recurrent kernel and bias of the forward and of the backward LSTM; kernel `[in, out]` and
            bias of the two dense layers. Both libraries order the gates in, forget, cell, out.

    Raises:
        ValueError: There are more or fewer.
    """
    import torch

    names = [f"convolutions.{index}.{kind}" for index in range(CONVOLUTIONS) for kind in ("weight", "bias")]
    names += [f"blstm.{kind}_l0{end}" for end in ("", "_reverse") for kind in ("weight_ih", "weight_hh", "bias_ih")]
    names += [f"{layer}.{kind}" for layer in ("dense", "frame") for kind in ("weight", "bias")]
    if len(arrays) != len(names):
        raise ValueError(f"{len(arrays)} arrays of weights, expected {len(names)}")
    tensors = {}
    for name, array in zip(names, arrays, strict=True):
        # Kernels have their axes in the opposite order, but for the two of an image.
        turned = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
        tensors[name] = torch.from_numpy(np.array(turned, np.float32, order="C"))
    for end in ("", "_reverse"):  # Keras has one bias where torch has two
        tensors[f"blstm.bias_hh_l0{end}"] = torch.zeros_like(tensors[f"blstm.bias_ih_l0{end}"])
    return Weights(tensors)


def read_keras(path: Path, device: str) -> Weights:
    """The weights in the published file."""
    return weights_from(keras_weights(path)).to(device)


@stacked(MIN_SAMPLES, f"MOSNet needs {MIN_SAMPLES} samples, 16 ms")
def _apply(weights: Weights, audios: Sequence[Audio]) -> Tensor:
    import torch

    spectrograms = torch.from_numpy(np.stack([spectrogram(audio.samples) for audio in audios]))
    return opinions(weights, spectrograms.to(weights.device))


MODEL = Model(
    "mosnet",
    loader("MOSNet", WEIGHTS, opinions, ((1, 1, WINDOW // 2 + 1), (1,)), read_keras),
    _apply,
    weights=(WEIGHTS,),
    packages=("torch",),
    modules=("h5py",),
    extra="mosnet",
    licence="MIT",
    equal_lengths=True,
    batch_seconds=60.0,
)

mosnet = single_opinion_score(
    "mosnet",
    "MOSNet",
    "MOSNet CNN-BLSTM of VCC 2018 (mean of frames), at 16 kHz; the scale is 1 to 5, and the network may leave it.",
    score=model_feature(MODEL, KAISER_BEST_2016),
    rate=RATE,
    version=2,
)
"""Quality of a voice by MOSNet of a signal of more than 256 samples: about 1 to 5, not clamped."""
