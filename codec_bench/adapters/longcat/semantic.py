"""The semantic tokenizer: mel energies, a transformer that sees the whole piece, the nearest of 8192 centroids."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec_bench.adapters.longcat.checkpoint import LAYERS, Tensors
from codec_bench.adapters.longcat.frontend import Frontend
from codec_bench.inference import in_float32

SEMANTIC_ENTRIES = 8192

HEADS = {1280: 20, 32: 4}
"""Attention heads by model width. Packed projections have the same shape for any number of heads, so a checkpoint does
not tell it: 1280 is the published model, 32 the small one that tests use."""

_PREFIX = "semantic_tokenizer"
_STRIDES = (2, 3)
"""Strides of the two convolutions over time, which shapes do not tell either. 10 ms x 2 x 3 is the frame of 60 ms."""


class Subsampling(nn.Module):
    """Two 3x3 convolutions over time and mel, causal in time, and a projection: 60 ms per frame."""

    def __init__(self, tensors: Tensors, mels: int) -> None:
        super().__init__()
        name = f"{_PREFIX}.model.subsampling"
        channels: tuple[int | None, int] = (None, 1)
        for i in range(len(_STRIDES)):
            weight = tensors.take(f"{name}.conv.subsampling/conv{i}.weight", *channels, 3, 3)
            channels = (len(weight), len(weight))
            self.register_buffer(f"weight{i}", weight)
            self.register_buffer(f"bias{i}", tensors.take(f"{name}.conv.subsampling/conv{i}.bias", len(weight)))
        # Neither convolution pads the mel axis, so each takes two bands off.
        self.affine = read_linear(tensors, f"{name}.affine.", None, channels[1] * (mels - 2 * len(_STRIDES)))
        self.width = self.affine.out_features
        self.norm = read_norm(tensors, f"{name}.norm", self.width)

    weight0: Tensor
    bias0: Tensor
    weight1: Tensor
    bias1: Tensor

    def forward(self, mel: Tensor) -> Tensor:
        """`[batch, 6 * n - 2, mels]` to `[batch, n, width]`."""
        x = mel[:, None]
        for stride, weight, bias in zip(_STRIDES, (self.weight0, self.weight1), (self.bias0, self.bias1), strict=True):
            x = functional.conv2d(functional.pad(x, (0, 0, 2, 0)), weight, bias, (stride, 1)).relu_()
        normed: Tensor = self.norm(self.affine(x.transpose(1, 2).flatten(2)))  # of [batch, time, channels * bands]
        return normed


class TransformerLayer(nn.Module):
    """A transformer layer that normalises before attention, before the feed-forward net, and once more at its end."""

    def __init__(self, tensors: Tensors, name: str, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = read_norm(tensors, f"{name}.norm1", width)
        self.qkv = read_linear(tensors, f"{name}.self_attn.in_proj_", 3 * width, width)
        self.out = read_linear(tensors, f"{name}.self_attn.out_proj.", width, width)
        self.norm2 = read_norm(tensors, f"{name}.norm2", width)
        self.up = read_linear(tensors, f"{name}.linear1.", None, width)
        self.down = read_linear(tensors, f"{name}.linear2.", width, self.up.out_features)
        self.norm3 = read_norm(tensors, f"{name}.norm3", width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """`[batch, n, width]` to the same; `mask` says which frames can be seen, `[batch, 1, 1, n]`."""
        batch, time, width = x.shape
        packed = self.qkv(self.norm1(x))
        q, k, v = packed.view(batch, time, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        out: Tensor = self.norm3(x + self.down(functional.gelu(self.up(self.norm2(x)))))
        return out


class SemanticTokenizer(nn.Module):
    """Samples to hidden states to tokens.

    Args:
        tensors: The encoder's file.
        frontend: Mel energies with the statistics that belong to the file.
    """

    def __init__(self, tensors: Tensors, frontend: Frontend) -> None:
        super().__init__()
        self.frontend = frontend
        self.subsampling = Subsampling(tensors, frontend.mels)
        self.width = self.subsampling.width
        if self.width not in HEADS:
            tensors.fail(
                f"{_PREFIX}.model.subsampling.affine.weight",
                f"makes a transformer of width {self.width}; known are {', '.join(map(str, HEADS))}",
            )
        layers = max(tensors.count(LAYERS), 1)
        self.layers = nn.ModuleList(
            TransformerLayer(tensors, f"{LAYERS}.{i}", self.width, HEADS[self.width]) for i in range(layers)
        )
        centroids = tensors.take(f"{_PREFIX}.kmeans.codebook", self.width, SEMANTIC_ENTRIES)
        self.register_buffer("centroids", centroids)
        self.register_buffer("centroid_power", centroids.square().sum(0))
        self._check_features(tensors)

    centroids: Tensor
    centroid_power: Tensor

    def forward(self, samples: Tensor, frames: Tensor | None = None) -> Tensor:
        """Hidden states of the last layer; see `states`."""
        for x in self.states(samples, frames):
            last = x
        return last

    def states(self, samples: Tensor, frames: Tensor | None = None) -> Iterator[Tensor]:
        """Hidden states of each layer, `[batch, n, width]`; what lies behind an item's end means nothing.

        Args:
            samples: float32 `[batch, n * 960]`, items shorter than the longest padded with zeros.
            frames: int64 `[batch]`, the length of each item in frames; None if all are equally long.
        """
        x: Tensor = self.subsampling(self.frontend(samples))
        x = x * math.sqrt(self.width) + positions(x.shape[1], self.width, x.device)
        # What comes before attention looks back only, so padding behind an item has to be hidden here and nowhere else.
        mask = None
        if frames is not None:
            mask = (torch.arange(x.shape[1], device=x.device) < frames[:, None])[:, None, None]
        for layer in self.layers:
            x = layer(x, mask)
            yield x

    def quantize(self, hidden: Tensor) -> Tensor:
        """The nearest centroid of each hidden state, int64 `[batch, n]`; only the state is scaled to length 1."""
        with in_float32(hidden.device):
            direction = functional.normalize(hidden.float(), dim=-1)
            distance: Tensor = self.centroid_power - 2 * (direction @ self.centroids)
        return distance.argmin(-1)

    def _check_features(self, tensors: Tensors) -> None:
        """The published file leaves mel statistics to the .npy file; another may hold them, but not contradict that."""
        name = f"{_PREFIX}.feature_extractor"
        for key, ours in (("mean", self.frontend.mean), ("scale", self.frontend.scale)):
            if f"{name}.cmvn.cmvn_{key}" in tensors:
                theirs = tensors.take(f"{name}.cmvn.cmvn_{key}", self.frontend.mels)
                if not torch.allclose(theirs, ours, rtol=1e-4, atol=1e-5):
                    tensors.fail(f"{name}.cmvn.cmvn_{key}", "contradicts the CMVN file")
        tensors.drop(f"{name}.")
        tensors.drop(f"{_PREFIX}.gpu_feature")  # a stale copy of the same under an older name


def read_linear(tensors: Tensors, prefix: str, outputs: int | None, inputs: int) -> nn.Linear:
    """Takes a linear layer out of a checkpoint; None leaves the number of outputs open."""
    weight = tensors.take(f"{prefix}weight", outputs, inputs)
    linear = nn.Linear(inputs, len(weight), device="meta")
    linear.weight = nn.Parameter(weight, requires_grad=False)
    linear.bias = nn.Parameter(tensors.take(f"{prefix}bias", len(weight)), requires_grad=False)
    return linear


def read_norm(tensors: Tensors, name: str, width: int) -> nn.LayerNorm:
    """Takes a layer normalisation out of a checkpoint."""
    norm = nn.LayerNorm(width, device="meta")
    norm.weight = nn.Parameter(tensors.take(f"{name}.weight", width), requires_grad=False)
    norm.bias = nn.Parameter(tensors.take(f"{name}.bias", width), requires_grad=False)
    return norm


def positions(time: int, width: int, device: torch.device) -> Tensor:
    """Sines and cosines in turn, `[time, width]`.

    Computed where the reference implementation does, on the CPU in float32, so that a device decides nothing.
    """
    wavelength = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * -(math.log(10_000.0) / width))
    angle = torch.arange(time, dtype=torch.float32)[:, None] * wavelength
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).to(device)
