"""FCPE, a pitch tracker that a network learned: the variant `[fcpe]` of all pitch metrics.

It is a stack of convolutions over a mel spectrogram, and costs a hundredth of CREPE. The weights are those of the PyPI
package `torchfcpe`; where it is installed nothing is downloaded. Of that package no code is used: it imports torchaudio
and an attention that its published network does not have.

Source: Luo et al., "FCPE: A fast context-based pitch estimation model", 2025; github.com/CNChTu/FCPE.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from codec_bench.audio import Audio
from codec_bench.hub import RemoteFile
from codec_bench.metrics.checkpoints import Weights, read_checkpoint, weights_of
from codec_bench.metrics.model import Packaged, PublishedModel, model_feature, stacked, waves
from codec_bench.metrics.resampling import SINC_SHARP
from codec_bench.metrics.spectral import slaney_filterbank

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000
WINDOW, HOP, MELS = 1024, 160, 128
LAYERS, GROUPS = 6, 4
NEIGHBOURS = 4
"""How many pitches on each side of the most likely one are averaged."""

VOICED = 0.006
"""Confidence above which a frame is voiced, as the package has it."""

WEIGHTS = RemoteFile(
    "models/fcpe/fcpe_c_v001.pt",
    sha256="b9aeaeb673436eeda50ceafd632aa681aa63417e52eae4207503d180c9b10015",
    size=43_363_260,
    source="https://github.com/CNChTu/FCPE/raw/main/torchfcpe/assets/fcpe_c_v001.pt",
)


def log_mel(signals: Tensor) -> Tensor:
    """The network's input.

    Args:
        signals: float32 `[batch, n]` in [-1, 1] at 16 kHz, at least a hop.

    Returns:
        `[batch, n // 160 + 1, 128]`; the last frame is there twice.
    """
    import torch
    from torch.nn.functional import pad

    length, before = signals.shape[1], (WINDOW - HOP) // 2
    after = max(before, WINDOW - length - before)
    padded = pad(signals[:, None], (before, after), mode="reflect" if after < length else "constant")[:, 0]
    window = torch.hann_window(WINDOW, device=signals.device)
    spectrum = torch.stft(padded, WINDOW, HOP, window=window, center=False, return_complex=True)
    magnitude = (spectrum.real**2 + spectrum.imag**2 + 1e-9).sqrt()
    bands = torch.tensor(slaney_filterbank(RATE, WINDOW, MELS), device=signals.device)
    mel = (bands @ magnitude).clamp(min=1e-5).log().transpose(1, 2)
    return torch.cat([mel, mel[:, -1:]], dim=1)[:, : length // HOP + 1]


def pitch_of(weights: Weights, signals: Tensor) -> Tensor:
    """F0 in Hz per frame of 10 ms, 0 where a frame is unvoiced: `[batch, n // 160 + 1]`.

    Args:
        weights: The published checkpoint.
        signals: As for `log_mel`.
    """
    import torch
    from torch.nn.functional import glu, group_norm, leaky_relu, linear, silu

    tensors, conv = weights.tensors, weights.convolution
    x = conv(log_mel(signals).transpose(1, 2), "input_stack.0", padding=1)
    x = leaky_relu(group_norm(x, GROUPS, tensors["input_stack.1.weight"], tensors["input_stack.1.bias"]))
    x = conv(x, "input_stack.3", padding=1)
    for layer in (f"net.encoder_layers.{index}.conformer.net" for index in range(LAYERS)):
        y = glu(conv(weights.layer_norm(x.transpose(1, 2), f"{layer}.0").transpose(1, 2), f"{layer}.2"), dim=1)
        y = silu(conv(y, f"{layer}.4.conv", padding=15, groups=y.shape[1]))
        x = x + conv(y, f"{layer}.6")
    direction, norm = tensors["output_proj.weight_v"], tensors["output_proj.weight_g"]
    kernel = direction * (norm / direction.norm(dim=1, keepdim=True))
    likely = linear(weights.layer_norm(x.transpose(1, 2), "norm"), kernel, tensors["output_proj.bias"]).sigmoid()
    confidence, best = likely.max(dim=2, keepdim=True)
    near = best + torch.arange(-NEIGHBOURS, NEIGHBOURS + 1, device=best.device)
    near = near.clamp(0, likely.shape[2] - 1)  # at the edge the outermost pitch counts several times
    shares = likely.gather(2, near)
    cents = (tensors["cent_table"][near] * shares).sum(dim=2) / shares.sum(dim=2)
    return torch.where(confidence[..., 0] > VOICED, 10 * 2 ** (cents / 1200), 0.0)


_FILE = Packaged(WEIGHTS, "torchfcpe", "assets")


def _load(device: str) -> Weights:
    with weights_of("FCPE", WEIGHTS, _FILE.installed) as path:
        return Weights(read_checkpoint(path, device)["model"])


@stacked(HOP, f"FCPE needs {1000 * HOP // RATE} ms")
def _apply(weights: Weights, audios: Sequence[Audio]) -> Tensor:
    return pitch_of(weights, waves(audios, weights.device))


MODEL = PublishedModel(
    "fcpe",
    _load,
    _apply,
    weights=_FILE,
    packages=("torch",),
    licence="MIT",
    equal_lengths=True,
    published=WEIGHTS,
)

fcpe = model_feature(MODEL, SINC_SHARP)
"""F0 of a whole signal, 33 to 1976 Hz, 10 ms frames: float32 `[frames]` in Hz, 0 where unvoiced."""
