"""Gradients that a probe computes itself, against torch's, to the last bit."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from codec_bench.probes.gradients import KEEPS_ORDER, padded, summed_rows


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("frames, books, entries", [
    (1, 1, 2), (5, 3, 7), (900, 6, 256), (3000, 1, 8192), (KEEPS_ORDER - 1, 1, 100), (KEEPS_ORDER, 1, 100),
    (800, 46, 16),
])  # fmt: skip
def test_sums_of_embeddings_and_their_gradient_are_those_of_torch(frames: int, books: int, entries: int):
    generator = torch.Generator().manual_seed(frames)
    indices = torch.randint(0, entries, (frames, books), generator=generator) + torch.arange(books) * entries
    weights = torch.randn(frames, 64, generator=generator)
    table = torch.randn(books * entries, 64, generator=generator, requires_grad=True)
    theirs = table.detach().clone().requires_grad_()
    found, wanted = summed_rows(table, indices), functional.embedding_bag(indices, theirs, mode="sum")
    assert torch.equal(found, wanted)
    (found * weights).sum().backward()
    (wanted * weights).sum().backward()
    assert table.grad is not None and theirs.grad is not None
    assert torch.equal(table.grad, theirs.grad)


@pytest.mark.parametrize("lengths", [[4], [3, 1, 5], [2, 2, 2]])
def test_padding_and_its_gradient_are_those_of_torch(lengths: list[int]):
    found = torch.randn(sum(lengths), 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    wanted = found.detach().clone().requires_grad_()
    batch = padded(found, lengths)
    theirs = torch.nn.utils.rnn.pad_sequence(list(wanted.split(lengths)), batch_first=True)
    assert torch.equal(batch, theirs)
    (batch**3).sum().backward()
    (theirs**3).sum().backward()
    assert found.grad is not None and wanted.grad is not None
    assert torch.equal(found.grad, wanted.grad)
