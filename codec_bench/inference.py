"""How torch computes here: without gradients, on a GPU as exactly as on a CPU, and on one core where that is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def exact_inference(deterministic: bool = True) -> Iterator[None]:
    """No gradients, and float32 that is float32.

    By default CUDA rounds the input of convolutions and LSTMs to 10 bits (TF32): codes and scores would then
    depend on the batch, and differ from those of a CPU. The algorithms of cuDNN that are not `deterministic`, and need
    not give the same bits each time, can be faster.
    """
    import torch

    cudnn = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=deterministic, allow_tf32=False)
    with torch.inference_mode(), cudnn:
        yield


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
