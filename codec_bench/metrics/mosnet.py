"""MOSNet: opinion scores of converted voices, predicted by a network that learned those of the Voice Conversion
Challenge 2018.

Source: Lo et al., "MOSNet: Deep Learning based Objective Assessment for Voice Conversion", Interspeech 2019; the
CNN-BLSTM of the repository lochenchou/MOSNet, whose weights are a file of Keras.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codec_bench.audio import Audio, FloatArray
from codec_bench.hub import RemoteFile
from codec_bench.metrics import register_metric
from codec_bench.metrics.checkpoints import weights_of
from codec_bench.metrics.model import Model, model_feature, stacked
from codec_bench.metrics.signal import Array, Feature, Signal

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000
WINDOW, HOP = 512, 256
MIN_SAMPLES = WINDOW // 2 + 1
"""The ends are mirrored by half a window; a shorter signal has too little to mirror."""

CHANNELS = (16, 32, 64, 128)
"""Three convolutions of each width; the third takes every third frequency: 257, 86, 29, 10, 4."""

BANDS = 4
LSTM_WIDTH, HEAD_WIDTH = 128, 128

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


def network() -> Any:
    """The network with weights of no meaning: a `torch.nn.Module` from float32 `[batch, frames, 257]` to `[batch]`."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolutions = nn.ModuleList(
                nn.Conv2d(inputs, outputs, 3, stride=(1, stride)) for inputs, outputs, stride in _convolutions()
            )
            self.blstm = nn.LSTM(BANDS * CHANNELS[-1], LSTM_WIDTH, batch_first=True, bidirectional=True)
            self.dense = nn.Linear(2 * LSTM_WIDTH, HEAD_WIDTH)
            self.frame = nn.Linear(HEAD_WIDTH, 1)

        def forward(self, spectrograms: torch.Tensor) -> torch.Tensor:
            x = spectrograms[:, None]
            for convolution, (_, _, stride) in zip(self.convolutions, _convolutions(), strict=True):
                x = functional.relu(convolution(functional.pad(x, (*_same(x.shape[3], stride), 1, 1))))
            x = x.permute(0, 2, 3, 1).flatten(2)  # by frequency, then by channel
            frames = self.frame(functional.relu(self.dense(self.blstm(x)[0])))
            return frames.mean(dim=(1, 2))  # type: ignore[no-any-return]

    return Network().eval().requires_grad_(False)


def _convolutions() -> Iterator[tuple[int, int, int]]:
    """Inputs, outputs and stride over frequency of the twelve convolutions."""
    inputs = 1
    for outputs in CHANNELS:
        for stride in (1, 1, 3):
            yield inputs, outputs, stride
            inputs = outputs


def _same(size: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis that TensorFlow's padding `same` puts there for a kernel of 3."""
    total = max((-(-size // stride) - 1) * stride + 3 - size, 0)
    return total // 2, total - total // 2


def keras_weights(path: Any) -> list[Array]:
    """All weights of a Keras model in an HDF5 file, layer by layer, whether the model or only its weights were saved.

    Args:
        path: The file.

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


def state_of(weights: Sequence[Array]) -> dict[str, Array]:
    """The weights of a Keras file under the names and in the layout of `network`.

    Args:
        weights: In the order of the layers: kernel `[3, 3, in, out]` and bias of each convolution; kernel
            `[in, 4 * 128]`, recurrent kernel and bias of the forward and of the backward LSTM; kernel `[in, out]` and
            bias of the two dense layers. Both libraries order the gates in, forget, cell, out.

    Raises:
        ValueError: There are more or fewer.
    """
    convolutions = len(CHANNELS) * 3
    if len(weights) != 2 * convolutions + 10:
        raise ValueError(f"{len(weights)} arrays of weights, expected {2 * convolutions + 10}")
    left = iter(weights)
    state: dict[str, Array] = {}
    for index in range(convolutions):
        state[f"convolutions.{index}.weight"] = next(left).transpose(3, 2, 0, 1)
        state[f"convolutions.{index}.bias"] = next(left)
    for suffix in ("", "_reverse"):
        state[f"blstm.weight_ih_l0{suffix}"] = next(left).T
        state[f"blstm.weight_hh_l0{suffix}"] = next(left).T
        state[f"blstm.bias_ih_l0{suffix}"] = next(left)
        state[f"blstm.bias_hh_l0{suffix}"] = np.zeros_like(state[f"blstm.bias_ih_l0{suffix}"])
    for layer in ("dense", "frame"):
        state[f"{layer}.weight"] = next(left).T
        state[f"{layer}.bias"] = next(left)
    return state


def _load(device: str) -> Any:
    """The network on a device."""
    import torch

    made = network()
    with weights_of("MOSNet", WEIGHTS) as path:
        state = state_of(keras_weights(path))
        made.load_state_dict({name: torch.from_numpy(np.array(array, np.float32)) for name, array in state.items()})
    return made.to(device)


@stacked(MIN_SAMPLES, f"MOSNet needs {MIN_SAMPLES} samples, 16 ms")
def _apply(loaded: Any, audios: Sequence[Audio]) -> Tensor:
    """The scores, `[batch]`."""
    import torch

    spectrograms = torch.from_numpy(np.stack([spectrogram(audio.samples) for audio in audios]))
    scores: Tensor = loaded(spectrograms.to(loaded.frame.bias.device))
    return scores


MODEL = Model(
    "mosnet",
    _load,
    _apply,
    weights=(WEIGHTS,),
    packages=("torch",),
    modules=("torch", "h5py"),
    extra="mosnet",
    licence="MIT",
    equal_lengths=True,
    batch_seconds=60.0,
)

feature = model_feature(MODEL)
"""The score of a whole signal at 16 kHz, 0-d float32."""


@register_metric(
    "mosnet",
    unit="MOS",
    better="higher",
    range=(None, None),
    rate=RATE,
    family="mos",
    title="MOSNet",
    digits=2,
    note="MOSNet CNN-BLSTM of VCC 2018 (mean of frames), at 16 kHz; the scale is 1 to 5, and the network may leave it.",
)
def mosnet(decoded: Signal, *, score: Feature = feature) -> float:
    """Opinion score of a voice, predicted from the decoded signal alone; the network learned from converted voices.

    Args:
        decoded: Reconstruction at 16 kHz, more than 256 samples; its level counts.
        score: The model.

    Returns:
        A mean opinion score, nominally from 1 to 5. The network is not limited to that range, and the score is not
        clipped, as in the original.

    Raises:
        NotScorable: Too short.
        UnavailableError: h5py or the weights are missing.
    """
    return float(decoded[score])
