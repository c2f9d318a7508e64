"""Huffman's optimal prefix code."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray


def huffman_lengths(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Lengths of an optimal prefix code in bits.

    Args:
        counts: int64 `[size]`, how often each symbol occurs.

    Returns:
        int64 `[size]`: 0 for symbols that do not occur, which have no code; 1 where only one symbol occurs, since a
        decoder must see something for each.

    Source:
        D. A. Huffman, "A method for the construction of minimum-redundancy codes", Proc. IRE 1952.

    >>> huffman_lengths(np.array([4, 2, 1, 1, 0])).tolist()
    [1, 2, 3, 3, 0]
    """
    lengths = np.zeros(len(counts), np.int64)
    used = np.flatnonzero(counts)
    if len(used) < 2:
        lengths[used] = 1
        return lengths
    # Nodes are numbered: first the symbols, then the inner nodes as they are made, so that a parent comes after its
    # children and the depths follow from the root downwards.
    heap = [(int(counts[symbol]), node) for node, symbol in enumerate(used)]
    heapq.heapify(heap)
    parents = np.zeros(2 * len(used) - 1, np.int64)
    for made in range(len(used), len(parents)):
        first, one = heapq.heappop(heap)
        second, other = heapq.heappop(heap)
        parents[[one, other]] = made
        heapq.heappush(heap, (first + second, made))
    depths = np.zeros(len(parents), np.int64)
    for node in range(len(parents) - 2, -1, -1):
        depths[node] = depths[parents[node]] + 1
    lengths[used] = depths[: len(used)]
    return lengths
