"""VGGish: embeddings of 0.96 s of audio, those of the Frechet audio distance.

Source: Hershey et al., "CNN architectures for large-scale audio classification", ICASSP 2017; weights and front end as
the port torchvggish publishes them (no PCA, no quantisation), with the last ReLU left out, as the package
frechet_audio_distance does by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import Audio
from codec_bench.hub import RemoteFile
from codec_bench.metrics.checkpoints import Weights, loader
from codec_bench.metrics.model import Model, ModelOutput, model_feature
from codec_bench.metrics.resampling import KAISER_BEST
from codec_bench.records import NotScorable, Status

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000
WINDOW, HOP, FFT = 400, 160, 512
MELS, LOWEST_HZ, HIGHEST_HZ = 64, 125.0, 7500.0
LOG_OFFSET = 0.01
FRAMES = 96
"""Spectra per embedding: 0.96 s, without overlap."""

WIDTH = 128
AT_ONCE = 64
"""Patches that go through the network together."""

WEIGHTS = RemoteFile(
    "models/vggish/vggish-10086976.pth",
    source="https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
)


def embeddings_of(weights: Weights, patches: Tensor) -> Tensor:
    """The network, from float32 `[batch, 1, 96, 64]` to `[batch, 128]`."""
    from torch.nn.functional import max_pool2d

    x = patches
    for layer in (0, 3, 6, 8, 11, 13):
        x = weights.convolution(x, f"features.{layer}", padding=1).relu()
        x = x if layer in (6, 11) else max_pool2d(x, 2)
    x = x.permute(0, 2, 3, 1).flatten(1)  # the checkpoint was trained with channels last
    for layer in (0, 2):
        x = weights.linear(x, f"embeddings.{layer}").relu()
    return weights.linear(x, "embeddings.4")


def patches(audio: Audio) -> NDArray[np.float32]:
    """Log mel spectra in patches of 0.96 s; what is left over at the end is not used.

    Args:
        audio: A whole recording at 16 kHz.

    Returns:
        `[patches, 96, 64]`, none for audio of less than 0.975 s.
    """
    if len(audio) < WINDOW:
        return np.zeros((0, FRAMES, MELS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(audio.samples.astype(np.float64), WINDOW)[::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi / WINDOW * np.arange(WINDOW))
    spectra = np.log(np.abs(np.fft.rfft(frames * hann, FFT)) @ _mel_weights() + LOG_OFFSET)
    whole = len(spectra) // FRAMES
    return spectra[: whole * FRAMES].reshape(whole, FRAMES, MELS).astype(np.float32)


@lru_cache(maxsize=1)
def _mel_weights() -> NDArray[np.float64]:
    """`[257, 64]`: triangles on HTK's mel scale, straight in mel and not in hertz; nothing of the constant part."""

    def mel(hertz: Any) -> Any:
        return 1127.0 * np.log(1.0 + hertz / 700.0)

    bins = mel(np.linspace(0, RATE / 2, FFT // 2 + 1))[:, None]
    edges = np.linspace(mel(LOWEST_HZ), mel(HIGHEST_HZ), MELS + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    weights[0] = 0
    return np.asarray(weights)


def _apply(weights: Weights, audios: Sequence[Audio]) -> list[ModelOutput]:
    import torch

    parts = [patches(audio) for audio in audios]
    together = torch.from_numpy(np.concatenate(parts))[:, None]
    made = [
        embeddings_of(weights, some.to(weights.device)).cpu() for some in torch.split(together, AT_ONCE) if len(some)
    ]
    embeddings = torch.cat(made).numpy() if made else np.zeros((0, WIDTH), np.float32)
    too_short = NotScorable("shorter than the 0.975 s of a VGGish embedding", Status.TOO_SHORT)
    ends = np.cumsum([len(part) for part in parts])
    return [found if len(found) else too_short for found in np.split(embeddings, ends[:-1])]


MODEL = Model(
    "vggish",
    loader("VGGish", WEIGHTS, embeddings_of, ((1, 1, FRAMES, MELS), (1, WIDTH))),
    _apply,
    weights=(WEIGHTS,),
    packages=("torch",),
    licence="Apache-2.0",
    version=2,
    is_heavy=True,
)

vggish_embeddings = model_feature(MODEL, KAISER_BEST)
"""`[patches, 128]` of a recording at 16 kHz."""
