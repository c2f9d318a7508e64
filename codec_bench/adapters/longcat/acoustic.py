"""The acoustic side: a convolutional encoder, and residual quantisation with two small codebooks per stage."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec_bench.adapters.longcat.checkpoint import Tensors
from codec_bench.adapters.longcat.layers import (
    BLOCKS,
    DILATIONS,
    KERNEL,
    Convolution,
    Ends,
    ResidualUnit,
    Snake,
    cleared,
    stride_of,
)
from codec_bench.inference import in_float32

GROUP_ENTRIES = 90
ACOUSTIC_ENTRIES = GROUP_ENTRIES * GROUP_ENTRIES

_QUANTIZER = "acoustic_quantizer.quantizers"


class AcousticEncoder(nn.Module):
    """Four blocks of residual units and a strided convolution, each twice as wide as the one before.

    Args:
        tensors: The encoder's file.
        hop: What the strides, read off the kernels, must multiply to.
    """

    def __init__(self, tensors: Tensors, hop: int) -> None:
        super().__init__()
        weight, bias = tensors.take_convolution("encoder.block.0", None, 1, KERNEL)
        width = len(weight)
        self.first = Convolution(weight, bias, KERNEL // 2, KERNEL // 2)
        self.blocks = nn.ModuleList()
        strides = []
        for block in range(1, BLOCKS + 1):
            name = f"encoder.block.{block}.block"
            layers: list[nn.Module] = [
                ResidualUnit(tensors, f"{name}.{i}", width, dilation, causal=False)
                for i, dilation in enumerate(DILATIONS)
            ]
            layers.append(Snake(tensors, f"{name}.3", width))
            weight, bias = tensors.take_convolution(f"{name}.4", 2 * width, width, None)
            stride = stride_of(tensors, f"{name}.4", weight, 2)
            layers.append(Convolution(weight, bias, -(-stride // 2), -(-stride // 2), stride))
            self.blocks.append(nn.ModuleList(layers))
            strides.append(stride)
            width *= 2
        if math.prod(strides) != hop:
            tensors.fail("encoder.block.*.block.4.weight_v", f"give the strides {strides}, not {hop} samples per frame")
        self.snake = Snake(tensors, f"encoder.block.{BLOCKS + 1}", width)
        weight, bias = tensors.take_convolution(f"encoder.block.{BLOCKS + 2}", None, width, 3)
        self.last = Convolution(weight, bias, 1, 1)
        self.width = len(weight)

    def forward(self, samples: Tensor, ends: Ends | None = None) -> Tensor:
        """Latents `[batch, width, n]` of samples `[batch, n * 960]`; what lies behind an item's end means nothing."""
        x = cleared(self.first(samples[:, None]), ends)
        for block in self.blocks:
            for layer in block:  # type: ignore[attr-defined]
                x = layer(x)
                if not isinstance(layer, Snake):  # which keeps zeros
                    x = cleared(x, ends)
        out: Tensor = self.last(self.snake(x))
        return out


class Stage(nn.Module):
    """One acoustic codebook: two projections, each with 90 entries of its own; a code is `a * 90 + b`."""

    def __init__(self, tensors: Tensors, name: str, width: int) -> None:
        super().__init__()
        self.inward, self.outward = nn.ModuleList(), nn.ModuleList()
        for group in "ab":
            into = tensors.take_convolution(f"{name}.in_proj_{group}", None, width, 1)
            dimension = len(into[0])
            out = tensors.take_convolution(f"{name}.out_proj_{group}", width // 2, dimension, 1)
            self.inward.append(Convolution(*into, 0, 0))
            self.outward.append(Convolution(*out, 0, 0))
            entries = tensors.take(f"{name}.codebook_{group}.weight", GROUP_ENTRIES, dimension)
            self.register_buffer(f"entries_{group}", entries)

    entries_a: Tensor
    entries_b: Tensor

    def search(self, z: Tensor) -> Tensor:
        """The codes whose entries point in the direction of the projected latents most closely, int64 `[batch, n]`."""
        a, b = (
            (functional.normalize(project(z), dim=1).transpose(1, 2) @ functional.normalize(entries).t()).argmax(-1)
            for project, entries in zip(self.inward, (self.entries_a, self.entries_b), strict=True)
        )
        return a * GROUP_ENTRIES + b

    def embed(self, codes: Tensor) -> Tensor:
        """What codes `[batch, n]` stand for, `[batch, width, n]`."""
        groups = (
            (self.entries_a, codes.div(GROUP_ENTRIES, rounding_mode="floor")),
            (self.entries_b, codes.remainder(GROUP_ENTRIES)),
        )
        parts = [
            project(functional.embedding(index, entries).transpose(1, 2))
            for project, (entries, index) in zip(self.outward, groups, strict=True)
        ]
        return torch.cat(parts, dim=1)


class GroupedQuantizer(nn.Module):
    """Acoustic codebooks in a row, each coding what the ones before it left over.

    Args:
        tensors: The encoder's file or a decoder's, which has its own copy.
        width: Width of the latents; None takes it from the first projection.
    """

    def __init__(self, tensors: Tensors, width: int | None = None) -> None:
        super().__init__()
        if width is None:
            name = f"{_QUANTIZER}.0.out_proj_a.weight_v"
            width = 2 * tensors.size(name, 0)
        self.width = width
        count = max(tensors.count(_QUANTIZER), 1)
        self.stages = nn.ModuleList(Stage(tensors, f"{_QUANTIZER}.{i}", width) for i in range(count))

    def search(self, z: Tensor, codebooks: int | None = None) -> Tensor:
        """Codes of the first `codebooks` stages, int64 `[batch, codebooks, n]`, for latents `[batch, width, n]`."""
        codes = []
        with in_float32(z.device):
            z = z.float()
            for stage in self.stages[:codebooks]:
                codes.append(stage.search(z))  # type: ignore[operator]
                z = z - stage.embed(codes[-1])  # type: ignore[operator]
        return torch.stack(codes, dim=1)

    def embed(self, codes: Tensor) -> list[Tensor]:
        """What each codebook of `[batch, codebooks, n]` stands for, `[batch, width, n]`; their sum is the latent."""
        used = self.stages[: codes.shape[1]]
        return [stage.embed(row) for stage, row in zip(used, codes.unbind(1), strict=True)]  # type: ignore[operator]
