"""The torch modules that a loaded codec holds, what they weigh, and how much they compute."""

from __future__ import annotations

import math
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

_TRAINED = re.compile(r"(^|[._])(weight|bias|embed|embedding|codebook|entries|centroids|alpha)(_?\d+)?$")
"""Names of buffers that are weights: `conv.weight`, `bias2`, `quantizer.embed`; not `embed_avg`, `running_mean`."""

DEPTH = 4
"""How deep a codec's objects are looked through: the codec, a wrapper, a dictionary of parts, a part."""


def modules_of(codec: object) -> list[torch.nn.Module]:
    """The outermost modules that an object holds in its attributes, lists and dictionaries; each once.

    Empty if nothing has imported torch yet: then there are none.
    """
    if "torch" not in sys.modules:
        return []
    return list({id(module): module for module in _walk(codec, DEPTH, set())}.values())


def _walk(value: object, depth: int, seen: set[int]) -> Iterator[torch.nn.Module]:
    import torch

    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, torch.nn.Module):
        yield value
    elif depth and not isinstance(value, type):
        parts = value if isinstance(value, Mapping | list | tuple) else getattr(value, "__dict__", {})
        for member in list(parts.values() if isinstance(parts, Mapping) else parts):
            yield from _walk(member, depth - 1, seen)


def count_parameters(modules: list[torch.nn.Module]) -> int:
    """Elements of all parameters, and of buffers that hold what was trained; shared ones count once.

    A network that is only ever applied may hold its weights as buffers. They are told by their names from windows,
    filter banks and running statistics, which nobody counts.
    """
    found: dict[int, torch.Tensor] = {id(p): p for module in modules for p in module.parameters()}
    found |= {id(b): b for module in modules for name, b in module.named_buffers() if _TRAINED.search(name)}
    return sum(p.numel() for p in found.values())


def precision_of(modules: list[torch.nn.Module]) -> str:
    """Types of the parameters other than integers: `float32`, `bfloat16+float32`."""
    kinds = {str(p.dtype).removeprefix("torch.") for module in modules for p in module.parameters()}
    return "+".join(sorted(kind for kind in kinds if "float" in kind))


def count_macs(function: Callable[[], object], modules: Sequence[torch.nn.Module] = ()) -> int:
    """Multiply-accumulates of the matrix products, convolutions, recurrent layers and attention in a call.

    Half of what `torch.utils.flop_counter` counts. That counter does not look into the fused kernels that do several
    steps at once (oneDNN's and cuDNN's LSTM, the transformer layer's fast path, flash attention), so they are switched
    off for the call, and distances between vectors are counted as the matrix product that they contain. Everything
    that is done element by element, and Fourier transforms, are not counted, as everywhere in the field.

    Args:
        function: Called once.
        modules: Those that it uses: the counter fails on parameters that require gradients outside of autograd (torch
            2.13: weight normalisation in inference mode), so they require none during the call.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    mapping = {torch.ops.aten._cdist_forward: _cdist_flops, torch.ops.aten._euclidean_dist: _cdist_flops}
    wanting = [p for module in modules for p in module.parameters() if p.requires_grad]
    try:
        for parameter in wanting:
            parameter.requires_grad_(False)
        with _plain_kernels(), FlopCounterMode(display=False, custom_mapping=mapping) as counter:
            function()
    finally:
        for parameter in wanting:
            parameter.requires_grad_(True)
    return int(counter.get_total_flops()) // 2


def _cdist_flops(first: Any, second: Any, *_: Any, **__: Any) -> int:
    """`[..., n, d]` and `[..., m, d]`, given as shapes: 2 n m d for each pair of matrices."""
    *batch, n, d = first
    *other, m, _d = second
    return int(2 * math.prod(np.broadcast_shapes(tuple(batch), tuple(other))) * n * m * d)


@contextmanager
def _plain_kernels() -> Iterator[None]:
    """Kernels that do one step each."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with ExitStack() as stack:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # older oneDNN settings that we pass on unchanged
            stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
