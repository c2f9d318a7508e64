"""How torch computes here: without gradients, on a GPU as exactly as on a CPU, and on one core where that is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

PRECISIONS = {"bf16": "bfloat16", "fp16": "float16"}
"""What torch may compute in besides float32, by what users write."""


@contextmanager
def exact_inference(deterministic: bool = True, precision: str = "", device: str = "cpu") -> Iterator[None]:
    """No gradients, and float32 that is float32.

    By default CUDA rounds the input of convolutions and LSTMs to 10 bits (TF32): codes and scores would then
    depend on the batch, and differ from those of a CPU. The algorithms of cuDNN that are not `deterministic`, and need
    not give the same bits each time, can be faster.

    Args:
        deterministic: Whether cuDNN takes algorithms that give the same bits each time.
        precision: One of `PRECISIONS`: what `torch.autocast` takes for matrix products and convolutions on `device`;
            weights, and what it holds to be delicate, stay in float32.
        device: Of the model.
    """
    import torch

    lower = (
        torch.autocast(device.partition(":")[0], dtype=getattr(torch, PRECISIONS[precision]))
        if precision
        else nullcontext()
    )

    cudnn = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=deterministic, allow_tf32=False)
    with torch.inference_mode(), cudnn, lower:
        yield


def in_float32(device: torch.device) -> torch.autocast:
    """Float32 for a part of a network, e.g. a search for the nearest entry, whatever precision it is called in."""
    import torch

    return torch.autocast(device.type, enabled=False)


@contextmanager
def one_thread() -> Iterator[None]:
    """One core, so that a result depends neither on the machine nor on how many processes share it."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
