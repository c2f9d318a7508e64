"""The decoders: two LSTM layers over the embedded tokens, then convolutions that raise the rate to 16 or 24 kHz."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec_bench.adapters.longcat.acoustic import GroupedQuantizer
from codec_bench.adapters.longcat.checkpoint import Tensors
from codec_bench.adapters.longcat.layers import (
    BLOCKS,
    DILATIONS,
    KERNEL,
    Convolution,
    Ends,
    History,
    ResidualUnit,
    Snake,
    Upsampling,
    cleared,
    stride_of,
)
from codec_bench.adapters.longcat.semantic import SEMANTIC_ENTRIES, read_norm

LOOK_AHEAD = KERNEL // 2
"""Frames that the first convolution sees ahead; in the causal decoders, nothing else looks ahead."""

LstmState = tuple[Tensor, Tensor]
"""Hidden and cell state of an LSTM."""


class Memory(nn.Module):
    """LSTM, norm, LSTM, norm, without a shortcut: all that a decoder remembers of the past beyond 15 frames."""

    def __init__(self, tensors: Tensors, width: int) -> None:
        super().__init__()
        name = "decoder.mem_layers.0"
        self.lstms = nn.ModuleList(_read_lstm(tensors, f"{name}.lstm_list{i}.0", width) for i in (1, 2))
        self.norms = nn.ModuleList(read_norm(tensors, f"{name}.ln{i}", width) for i in (1, 2))

    def forward(self, x: Tensor, states: list[LstmState | None] | None = None) -> Tensor:
        """`[batch, n, width]` to the same; `states` (one per layer, None at first) is brought up to date."""
        for i, (lstm, norm) in enumerate(zip(self.lstms, self.norms, strict=True)):
            x, state = lstm(x, states[i] if states else None)
            x = norm(x)
            if states:
                states[i] = state
        return x


class Block(nn.Module):
    """Snake, transposed convolution to a higher rate and half the width, three residual units."""

    def __init__(self, tensors: Tensors, name: str, width: int, causal: bool) -> None:
        super().__init__()
        self.snake = Snake(tensors, f"{name}.0", width)
        weight, bias = tensors.take_convolution(f"{name}.1", width, width // 2, None, bias=width // 2)
        self.stride = stride_of(tensors, f"{name}.1", weight, 1 if causal else 2)
        self.up = Upsampling(weight, bias, self.stride)
        self.units = nn.ModuleList(
            ResidualUnit(tensors, f"{name}.{i}", width // 2, dilation, causal)
            for i, dilation in enumerate(DILATIONS, start=2)
        )

    def forward(self, x: Tensor, ends: Ends | None = None, history: History | None = None) -> Tensor:
        """`[batch, width, n]` to `[batch, width / 2, n * stride]`."""
        x = cleared(self.up(self.snake(x)), ends)
        for unit in self.units:
            x = cleared(unit(x, history), ends)
        return x

    def reach(self, first: int, last: int) -> tuple[int, int]:
        """The input samples that the output samples from `first` to `last` depend on."""
        for unit in reversed(self.units):
            first, last = cast(ResidualUnit, unit).reach(first, last)
        return self.up.reach(first, last)


class WaveformDecoder(nn.Module):
    """Tokens to samples.

    Args:
        tensors: A decoder's file.
        causal: Whether it is one of the 24 kHz decoders, whose convolutions look back only (but for the first one).

    Attributes:
        hop: Output samples per frame.
        context: Frames before and after a frame that its samples depend on, the memory of the LSTMs aside.
    """

    def __init__(self, tensors: Tensors, causal: bool) -> None:
        super().__init__()
        self.causal = causal
        table = tensors.take("semantic_dequantizer.dequant.weight", SEMANTIC_ENTRIES, None)
        self.register_buffer("semantic_entries", table)
        self.quantizer = GroupedQuantizer(tensors)
        for stage in self.quantizer.stages:
            del stage.inward  # its search is the encoder's business
        width = table.shape[1] + self.quantizer.width
        self.memory = Memory(tensors, width)
        weight, bias = tensors.take_convolution("decoder.model.0", None, width, KERNEL)
        self.first = Convolution(weight, bias, LOOK_AHEAD, LOOK_AHEAD)
        width = len(weight)
        blocks = []
        for i in range(1, BLOCKS + 1):
            blocks.append(Block(tensors, f"decoder.model.{i}.block", width, causal))
            width //= 2
        self.blocks = nn.ModuleList(blocks)
        self.hop = math.prod(block.stride for block in blocks)
        self.snake = Snake(tensors, f"decoder.model.{BLOCKS + 1}", width)
        last = BLOCKS + (3 if causal else 2)  # a causal decoder's padding counts as a layer
        weight, bias = tensors.take_convolution(f"decoder.model.{last}", 1, width, KERNEL)
        past = KERNEL - 1 if causal else KERNEL // 2
        self.last = Convolution(weight, bias, past, KERNEL - 1 - past)
        self.context = self._context()

    semantic_entries: Tensor

    def embed(self, codes: Tensor) -> list[Tensor]:
        """What each codebook of int64 `[batch, codebooks, n]` stands for, each `[batch, dimension, n]`."""
        semantic = functional.embedding(codes[:, 0], self.semantic_entries).transpose(1, 2)
        return [semantic, *self.quantizer.embed(codes[:, 1:])]

    def remember(self, codes: Tensor, states: list[LstmState | None] | None = None) -> Tensor:
        """Tokens through the LSTMs: int64 `[batch, codebooks, n]`, two codebooks or more, to `[batch, width, n]`.

        There is one state per LSTM, carried from call to call; None starts over.
        """
        semantic, *acoustic = self.embed(codes)
        x = torch.cat([semantic, torch.stack(acoustic).sum(0)], dim=1)
        out: Tensor = self.memory(x.transpose(1, 2), states)
        return out.transpose(1, 2)

    def render(self, memory: Tensor, ends: Ends | None = None) -> Tensor:
        """What `remember` gave, `[batch, width, n]`, to samples `[batch, n * hop]`; zeros stand around it."""
        x = self.first(memory if ends is None else ends.clear(memory.clone()))
        beyond = None if self.causal else ends  # after the first one, causal layers never look behind an item's end
        return self.finish(cleared(x, beyond), beyond)

    def finish(self, x: Tensor, ends: Ends | None = None, history: History | None = None) -> Tensor:
        """All but the first convolution; with a `history`, a causal decoder continues where it stopped."""
        for block in self.blocks:
            x = block(x, ends, history)
        return torch.tanh(self.last(self.snake(x), history))[:, 0]

    def _context(self) -> tuple[int, int]:
        first, last = self.last.reach(0, self.hop - 1)
        for block in reversed(self.blocks):
            first, last = cast(Block, block).reach(first, last)
        first, last = self.first.reach(first, last)
        return -first, last


def _read_lstm(tensors: Tensors, name: str, width: int) -> nn.LSTM:
    shapes = {
        "weight_ih_l0": (4 * width, width),
        "weight_hh_l0": (4 * width, width),
        "bias_ih_l0": (4 * width,),
        "bias_hh_l0": (4 * width,),
    }
    lstm = nn.LSTM(width, width, batch_first=True, device="meta")
    lstm.load_state_dict({key: tensors.take(f"{name}.{key}", *shape) for key, shape in shapes.items()}, assign=True)
    return lstm.requires_grad_(False)
