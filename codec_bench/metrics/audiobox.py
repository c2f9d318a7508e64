"""Audiobox-Aesthetics: what listeners would say of a recording on four axes, predicted from the decoded signal alone.

The network is WavLM base, of which each axis has its own mean over layers and frames, and five linear layers. It
learned from recordings of speech, sounds and music: it tells productions apart, and never heard coding noise.

Its package `audiobox_aesthetics` is not needed: it has a copy of WavLM, which the network of transformers equals, and
asks for torchaudio and a client of compute clusters.

Source: Tjandra et al., "Meta Audiobox Aesthetics: Unified automatic quality assessment for speech, music, and sound",
2025; `AesPredictor` of github.com/facebookresearch/audiobox-aesthetics. It computes in single precision whatever
precision it is given.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from codec_bench.audio import Audio
from codec_bench.hub import RemoteFile
from codec_bench.metrics import Metric
from codec_bench.metrics.checkpoints import Weights, weights_of
from codec_bench.metrics.model import Model, model_feature, one_by_one
from codec_bench.metrics.opinions import opinion_score
from codec_bench.metrics.resampling import SINC
from codec_bench.metrics.self_supervised import TRANSFORMERS, wavlm_of
from codec_bench.metrics.signal import Array

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000
WINDOW = 160_000
"""What the network hears at once, 10 s; the last window is filled with zeros, which a mask hides from the layers."""

SHORTEST = RATE // 2
"""Half a second: the network has a score for anything, also for nothing."""

AXES = ("CE", "CU", "PC", "PQ")
FRAME, HOP = 400, 320
_AT_ONCE = 8
_REVISION = "9b1dd8e5df9af7216e836a98974fe3b82c56ded6"

CONFIG = RemoteFile(
    "hf/facebook/audiobox-aesthetics/config.json",
    sha256="0b8eabc5ced92cefed116a3aca8f1e59d2a33dc4d376b9e86dfb9c072e1d280d",
    revision=_REVISION,
)
WEIGHTS = RemoteFile(
    "hf/facebook/audiobox-aesthetics/model.safetensors",
    sha256="a5a3c2412649cc2384ec525ffd5180ce6c4778f43bed6108e0a1303de04d014e",
    size=415_472_992,
    revision=_REVISION,
)


@dataclass(frozen=True)
class Network:
    """What is loaded.

    Attributes:
        wavlm: WavLM base.
        heads: Tensors of the axes: `layer_weights` of the layers, and `proj_layer`.
        scales: Mean and standard deviation of each axis in training, `[2, 4]`.
    """

    wavlm: Any
    heads: Weights
    scales: Tensor


def aesthetics(network: Network, windows: Tensor, lengths: Tensor) -> Tensor:
    """Opinions of windows.

    Args:
        network: What was loaded.
        windows: float32 `[batch, 160000]` at 16 kHz, zero from their lengths on.
        lengths: Samples of each, int64 `[batch]`, from 1 to 160000.

    Returns:
        `[batch, 4]` in the order of `AXES`, about 1 to 10.
    """
    import torch
    from torch.nn.functional import gelu, normalize

    # A frame counts where it begins within the signal; transformers wants the samples that give so many whole frames.
    frames = ((lengths + HOP - 1) // HOP).clamp(max=(WINDOW - FRAME) // HOP + 1)
    heard = torch.arange(WINDOW, device=windows.device) < (FRAME + HOP * (frames - 1))[:, None]
    with warnings.catch_warnings():
        # torch warns of what WavLM does: frames are masked by truth values, and positions weighted by numbers.
        warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask")
        layers = torch.stack(network.wavlm(windows, attention_mask=heard, output_hidden_states=True).hidden_states)
    counts = torch.arange(layers.shape[2], device=windows.device) < frames[:, None]
    means = (layers * counts[..., None]).sum(dim=2) / frames[:, None]
    heads = network.heads
    opinions = []
    for axis in AXES:
        shares = heads.tensors[f"layer_weights.{axis}"].softmax(dim=0)
        x = normalize(torch.einsum("lbd,l->bd", means, shares), dim=1)
        for index in range(0, 12, 3):
            x = gelu(heads.layer_norm(heads.linear(x, f"proj_layer.{axis}.{index}"), f"proj_layer.{axis}.{index + 1}"))
        opinions.append(heads.linear(x, f"proj_layer.{axis}.12")[:, 0])
    return torch.stack(opinions, dim=1) * network.scales[1] + network.scales[0]


def _load(device: str) -> Network:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with weights_of("Audiobox-Aesthetics", CONFIG) as path:
        norms = json.loads(path.read_text(encoding="utf-8"))["target_transform"]
        scales = torch.tensor([[float(norms[axis][name]) for axis in AXES] for name in ("mean", "std")])
    with weights_of("Audiobox-Aesthetics", WEIGHTS) as path:
        try:
            tensors = load_file(path)
        except SafetensorError as error:
            raise ValueError(str(error)) from error
        prefix = "wavlm_model."
        original = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        heads = Weights({name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)})
        network = Network(wavlm_of(original).to(device), heads.to(device), scales.to(device))
        with torch.inference_mode():
            aesthetics(network, torch.zeros(1, WINDOW, device=device), torch.tensor([SHORTEST], device=device))
    return network


@one_by_one(SHORTEST, f"Audiobox-Aesthetics needs {SHORTEST / RATE:g} s to say anything")
def _apply(network: Network, audio: Audio) -> Array:
    """Mean of all windows of a signal, weighted by what of them is signal."""
    import torch
    from torch.nn.functional import pad

    samples = torch.from_numpy(audio.samples)
    windows = pad(samples, (0, -len(samples) % WINDOW)).view(-1, WINDOW)
    lengths = (len(samples) - WINDOW * torch.arange(len(windows))).clamp(max=WINDOW)
    device = network.scales.device
    parts = zip(torch.split(windows, _AT_ONCE), torch.split(lengths, _AT_ONCE), strict=True)
    opinions = torch.cat([aesthetics(network, part.to(device), many.to(device)).cpu() for part, many in parts])
    return np.asarray((opinions * lengths[:, None]).sum(dim=0) / len(samples), np.float32)


MODEL = Model(
    "audiobox",
    _load,
    _apply,
    weights=(CONFIG, WEIGHTS),
    packages=("torch", "transformers"),
    modules=TRANSFORMERS,
    extra="transformers",
    licence="CC BY 4.0",
    is_heavy=True,
)

axes_of = model_feature(MODEL, SINC)
"""Opinions of a whole signal, float32 `[4]` in the order of `AXES`."""


def _axis(axis: str, what: str, caution: str = "it never heard coding noise") -> Metric:
    """One axis for a signal of half a second or more, about 1 to 10; each begun 10 s cost as much as 10 s."""
    note = f"{what} that Audiobox-Aesthetics predicts, from 1 to 10, in windows of 10 s; {caution}."
    return opinion_score(
        f"audiobox.{axis.lower()}", AXES.index(axis), f"Audiobox {axis}", note, scores=axes_of, rate=RATE, unit="",
        hears_polarity=True,
    )  # fmt: skip


production_quality = _axis("PQ", "Production quality")
content_enjoyment = _axis("CE", "Content enjoyment")
content_usefulness = _axis("CU", "Content usefulness")
production_complexity = _axis(
    "PC", "Production complexity", "more is not better, but what the recordings have; it never heard coding noise"
)
