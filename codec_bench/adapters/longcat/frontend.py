"""Log mel energies as Kaldi computes them, normalised by the statistics of the training data."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from codec_bench.inference import in_float32

RATE = 16_000
WINDOW = 400
SHIFT = 160
LOW, HIGH = 40.0, 7800.0

_FFT = 512
_PREEMPHASIS = 0.97
_FULL_SCALE = 32_767.0
_FLOOR = float(np.finfo(np.float32).eps)


class Frontend(nn.Module):
    """Samples to normalised log mel energies, 25 ms windows every 10 ms.

    Args:
        mean: Mean of each mel band, `[mels]`.
        deviation: Standard deviation of each mel band, `[mels]`.
    """

    def __init__(self, mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> None:
        super().__init__()
        # A symmetric Hann window, not quite as narrow: Kaldi's "povey".
        window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1))) ** 0.85
        self.register_buffer("window", torch.from_numpy(window.astype(np.float32)))
        self.register_buffer("bands", torch.from_numpy(mel_bands(len(mean)).astype(np.float32)))
        self.register_buffer("mean", torch.from_numpy(mean.astype(np.float32)))
        self.register_buffer("scale", torch.from_numpy((1 / deviation).astype(np.float32)))

    window: Tensor
    bands: Tensor
    mean: Tensor
    scale: Tensor

    @property
    def mels(self) -> int:
        """Number of mel bands."""
        return len(self.mean)

    def forward(self, samples: Tensor) -> Tensor:
        """Only whole windows count, so `n` samples give `1 + (n - 400) // 160` frames.

        Args:
            samples: float32 `[batch, n]` in [-1, 1], n >= 400.

        Returns:
            float32 `[batch, frames, mels]`.
        """
        frames = (samples * _FULL_SCALE).unfold(-1, WINDOW, SHIFT)
        before = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
        spectrum = torch.fft.rfft((frames - _PREEMPHASIS * before) * self.window, n=_FFT)
        power = spectrum.real.square() + spectrum.imag.square()
        with in_float32(power.device):  # fp16 would overflow
            mel: Tensor = (power @ self.bands).clamp_(min=_FLOOR).log_()
        return (mel - self.mean) * self.scale


def mel_bands(mels: int) -> NDArray[np.float64]:
    """Triangles between 40 and 7800 Hz, equally wide in mel, `[257, mels]`; no band takes the Nyquist frequency."""
    edges = np.linspace(_mel(LOW), _mel(HIGH), mels + 2)
    bins = _mel(np.arange(_FFT // 2 + 1) * RATE / _FFT)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling))


def _mel(hertz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(np.asarray(hertz) / 700.0))
