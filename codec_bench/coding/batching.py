"""Batches of like lengths, and what happens when one of them fails."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from codec_bench.errors import UnavailableError

Input = TypeVar("Input")
Result = TypeVar("Result")


def by_length(items: Iterable[Input], seconds: Callable[[Input], float], budget: float) -> Iterator[list[Input]]:
    """Items of like lengths together, shortest first.

    A padded batch costs its longest item times its size, so a batch is full when that product passes the budget; an
    item that is longer than the budget is a batch of its own. Items of one length keep their order.
    """
    batch: list[Input] = []
    for item in sorted(items, key=seconds):
        if batch and seconds(item) * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def halved(
    function: Callable[[Sequence[Input]], Sequence[Result]],
    items: Sequence[Input],
    failed: Callable[[Exception], Result],
) -> list[Result]:
    """Applies a function to a batch; a batch that does not fit into memory, or fails, is halved down to single items.

    Returns:
        One result per item, in their order; that of `failed` where the function fails on a single one.

    Raises:
        UnavailableError: From the function: it would fail for any item.
    """
    try:
        return list(function(items))
    except UnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 - a codec or a model may raise anything; it costs one item
        if len(items) == 1:
            return [failed(error)]
    # Outside of the handler: the exception holds the frames, and these hold the tensors that filled the memory.
    free_memory()
    half = len(items) // 2
    return [*halved(function, items[:half], failed), *halved(function, items[half:], failed)]


def free_memory() -> None:
    """Frees the GPU memory that torch caches, without importing torch for it."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def parts(items: Iterable[Input], size: int) -> Iterator[list[Input]]:
    """Consecutive items, `size` at a time, read as they are needed."""
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part
