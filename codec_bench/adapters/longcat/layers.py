"""What the convolutional encoder and the decoders are made of, for items of unequal length in one batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec_bench.adapters.longcat.checkpoint import Tensors

BLOCKS = 4
"""Changes of rate, in the encoder and in every decoder."""
DILATIONS = (1, 3, 9)
KERNEL = 7


class Ends:
    """Where each item of a padded batch ends.

    A convolution sees zeros after the last sample of a single item. In a batch it would see what the layers before
    made of the padding (a bias at least), so that has to be zeroed wherever a later layer looks ahead.

    Args:
        frames: int64 `[batch]`, length of each item in frames.
        longest: Frames that the batch is padded to.
    """

    def __init__(self, frames: Tensor, longest: int) -> None:
        self._frames = frames
        self._longest = longest

    def clear(self, x: Tensor) -> Tensor:
        """Zeroes `[batch, channels, longest * n]` in place behind each item's end, for any n samples per frame."""
        width = x.shape[-1] // self._longest
        position = torch.arange(x.shape[-1], device=x.device)
        return x.mul_((position < self._frames[:, None] * width)[:, None].to(x.dtype))


def stride_of(tensors: Tensors, name: str, weight: Tensor, strides: int) -> int:
    """The stride of a convolution whose kernel spans this many strides; no checkpoint states it elsewhere."""
    kernel = weight.shape[-1]
    if kernel % strides:
        tensors.fail(f"{name}.weight_v", f"has the shape {list(weight.shape)}, whose last size should be even")
    return kernel // strides


def cleared(x: Tensor, ends: Ends | None) -> Tensor:
    """`x`, zeroed behind each item's end where items differ in length."""
    return x if ends is None else ends.clear(x)


class History:
    """What the causal layers of a stack saw last, so that the stack can resume."""

    def __init__(self) -> None:
        self._seen: dict[int, Tensor] = {}

    def prepend(self, layer: nn.Module, x: Tensor, length: int) -> Tensor:
        """`x` after the last `length` samples that the layer saw; zeros before the first."""
        before = self._seen.get(id(layer))
        x = functional.pad(x, (length, 0)) if before is None else torch.cat([before, x], dim=-1)
        self._seen[id(layer)] = x[..., x.shape[-1] - length :]
        return x


class Snake(nn.Module):
    """x + sin²(αx)/α, one α per channel."""

    def __init__(self, tensors: Tensors, name: str, channels: int) -> None:
        super().__init__()
        alpha = tensors.take(f"{name}.alpha", 1, channels, 1)
        self.register_buffer("alpha", alpha)
        self.register_buffer("scale", 1 / (alpha + 1e-9))

    alpha: Tensor
    scale: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, channels, n]` to the same."""
        y: Tensor = (x * self.alpha).sin_().square_().mul_(self.scale).add_(x)
        return y


class _Weighted(nn.Module):
    """A layer with a weight and a bias that do not learn."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    weight: Tensor
    bias: Tensor


class Convolution(_Weighted):
    """A convolution over time that pads its input with zeros.

    Args:
        weight: `[out, in, kernel]`.
        bias: `[out]`.
        past: Zeros in front; with `future` 0 the layer is causal and can be continued with a `History`.
        future: Zeros behind.
        stride: Input samples per output sample.
        dilation: Input samples between two taps.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor, past: int, future: int, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__(weight, bias)
        self.past, self.future, self.stride, self.dilation = past, future, stride, dilation

    def forward(self, x: Tensor, history: History | None = None) -> Tensor:
        """`[batch, in, n]` to `[batch, out, m]`; with a history, `x` continues where the last one stopped."""
        padding = 0
        if history is not None and self.past:
            x = history.prepend(self, x, self.past)
        elif self.past == self.future:
            padding = self.past
        else:
            x = functional.pad(x, (self.past, self.future))
        return functional.conv1d(x, self.weight, self.bias, self.stride, padding, self.dilation)

    def reach(self, first: int, last: int) -> tuple[int, int]:
        """The input samples that the output samples from `first` to `last` depend on."""
        begin = first * self.stride - self.past
        return begin, last * self.stride - self.past + (self.weight.shape[-1] - 1) * self.dilation


class Upsampling(_Weighted):
    """A transposed convolution whose output is `stride` times as long as its input.

    Args:
        weight: `[in, out, kernel]`; the kernel is `stride` (causal) or twice that (a sample of overlap on both sides).
        bias: `[out]`.
        stride: Output samples per input sample.
    """

    def __init__(self, weight: Tensor, bias: Tensor, stride: int) -> None:
        super().__init__(weight, bias)
        self.stride = stride
        overlaps = weight.shape[-1] > stride
        self.crop = -(-stride // 2) if overlaps else 0
        self.extra = stride % 2 if overlaps else 0

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, in, n]` to `[batch, out, n * stride]`."""
        return functional.conv_transpose1d(x, self.weight, self.bias, self.stride, self.crop, self.extra)

    def reach(self, first: int, last: int) -> tuple[int, int]:
        """The input samples that the output samples from `first` to `last` depend on."""
        begin = -(-(first + self.crop - self.weight.shape[-1] + 1) // self.stride)
        return begin, (last + self.crop) // self.stride


class ResidualUnit(nn.Module):
    """Snake, dilated convolution, Snake, pointwise convolution, added to the input."""

    def __init__(self, tensors: Tensors, name: str, channels: int, dilation: int, causal: bool) -> None:
        super().__init__()
        # A causal unit counts its padding as a layer.
        layers = [f"{name}.block.{index}" for index in ((0, 2, 3, 4) if causal else (0, 1, 2, 3))]
        span = (KERNEL - 1) * dilation
        past = span if causal else span // 2
        wide = tensors.take_convolution(layers[1], channels, channels, KERNEL)
        point = tensors.take_convolution(layers[3], channels, channels, 1)
        self.before = Snake(tensors, layers[0], channels)
        self.wide = Convolution(*wide, past, span - past, dilation=dilation)
        self.between = Snake(tensors, layers[2], channels)
        self.point = Convolution(*point, 0, 0)

    def forward(self, x: Tensor, history: History | None = None) -> Tensor:
        """`[batch, channels, n]` to the same."""
        y: Tensor = self.point(self.between(self.wide(self.before(x), history)))
        return y.add_(x)

    def reach(self, first: int, last: int) -> tuple[int, int]:
        """The input samples that the output samples from `first` to `last` depend on."""
        return self.wide.reach(first, last)
