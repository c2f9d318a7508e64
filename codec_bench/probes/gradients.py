"""What a probe does with frames before its head, with gradients that cost a CPU a part of torch's and are the same.

Of small models on a CPU, most of a step is overhead: the gradient of an embedding bag goes row by row, and that of
`pad_sequence` copies the whole batch once for each utterance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.nn import functional

KEEPS_ORDER = 32_768
"""So many indices are sorted by radix in torch, which keeps the order of equal ones; fewer are not, and sums of floats
depend on the order."""


def summed_rows(table: Tensor, indices: Tensor) -> Tensor:
    """The sum of some rows of a table for each frame, `[n, width]`, as `functional.embedding_bag` has it.

    Args:
        table: `[entries, width]`.
        indices: int64 `[n, rows]`.
    """
    if table.device.type != "cpu" or table.dtype != torch.float32:
        return functional.embedding_bag(indices, table, mode="sum")
    found: Tensor = _SummedRows.apply(table, indices)  # type: ignore[no-untyped-call]
    return found


class _SummedRows(torch.autograd.Function):
    """An embedding bag whose gradient is one product with a sparse matrix; terms are added in the order of torch."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, indices: Tensor) -> Tensor:
        ctx.indices, ctx.entries = indices, len(table)
        return functional.embedding_bag(indices, table, mode="sum")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        indices, (frames, rows) = ctx.indices, ctx.indices.shape
        ones = np.ones(indices.numel(), np.float32)
        if indices.numel() >= KEEPS_ORDER:
            firsts = np.arange(frames + 1) * rows
            uses = csr_array((ones, indices.numpy().ravel(), firsts), shape=(frames, ctx.entries)).T
        else:
            entries, order = indices.flatten().sort()
            firsts = np.concatenate([[0], np.bincount(entries.numpy(), minlength=ctx.entries).cumsum()])
            uses = csr_array((ones, (order // rows).numpy(), firsts), shape=(ctx.entries, frames))
        return torch.from_numpy(uses @ gradient.contiguous().numpy()), None


def padded(vectors: Tensor, lengths: Sequence[int]) -> Tensor:
    """The vectors of utterances as a batch `[utterances, longest, width]`, zero behind the end of each.

    Args:
        vectors: Those of all utterances in a row, `[sum of lengths, width]`.
        lengths: How many each has.
    """
    batch: Tensor = _Padded.apply(vectors, tuple(lengths))  # type: ignore[no-untyped-call]
    return batch


class _Padded(torch.autograd.Function):
    """`pad_sequence`, whose gradient is put together once."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, lengths: tuple[int, ...]) -> Tensor:
        ctx.lengths = lengths
        return nn.utils.rnn.pad_sequence(list(torch.split(vectors, list(lengths))), batch_first=True)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return torch.cat([one[:length] for one, length in zip(gradient, ctx.lengths, strict=True)]), None
