"""Pooling, margins and recurrence against definitions and against torch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from codec_bench.probes.heads import HEADS, Probe, RecurrentHead, TokenVectors, aam_logits, moments
from codec_bench.probes.recipes import RECIPES, Recipe


def padded(lengths: list[int], width: int, fill: float) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
    frames = torch.randn(len(lengths), max(lengths), width)
    return torch.where(mask[:, :, None], frames, torch.tensor(fill)), mask


def test_moments_are_those_of_numpy():
    frames, mask = padded([5, 3], 4, 99.0)
    found = moments(frames, mask)
    for row, length, pooled in zip(frames, (5, 3), found, strict=True):
        real = row[:length].numpy()
        np.testing.assert_allclose(pooled[:4], real.mean(axis=0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(pooled[4:], real.std(axis=0), rtol=1e-3)


@pytest.mark.parametrize("head", ["linear", "mlp", "asp", "attention"])
def test_padding_changes_nothing(head: str):
    torch.manual_seed(1)
    made = HEADS[head](Recipe("x", "x", "label", head, (head,), width=4), 3).eval()  # type: ignore[arg-type,index]
    frames, mask = padded([6, 4], 4, 1000.0)
    alone = made(frames[1:, :4], mask[1:, :4])
    torch.testing.assert_close(made(frames, mask)[1:], alone)


def test_aam_is_the_angle_plus_the_margin():
    angles = torch.tensor([[0.3, 1.2], [2.0, 0.1], [3.1, 1.0]])
    found = aam_logits(angles.cos(), torch.tensor([0, 1, 0]), 0.2, 10.0)
    torch.testing.assert_close(found[0], torch.tensor([10 * math.cos(0.5), 10 * math.cos(1.2)]), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[1], torch.tensor([10 * math.cos(2.0), 10 * math.cos(0.3)]), rtol=1e-4, atol=1e-4)
    assert float(found[2, 0]) < 10 * math.cos(3.1)  # beyond pi - margin it keeps falling, and does not turn back
    torch.testing.assert_close(aam_logits(angles.cos(), torch.tensor([0, 0, 0]), 0.0, 10.0), 10 * angles.cos())


def test_the_recurrent_head_is_a_bidirectional_lstm_of_torch():
    torch.manual_seed(2)
    recipe = Recipe("x", "x", "text", "bilstm", ("bilstm",), width=5, hidden=6)
    made = RecurrentHead(recipe, 4).eval()
    reference = torch.nn.LSTM(5, 6, batch_first=True, bidirectional=True)
    weights = dict(made.forwards.state_dict())
    weights |= {f"{name}_reverse": value for name, value in made.backwards.state_dict().items()}
    reference.load_state_dict(weights)
    lengths = [9, 4, 7]
    frames, mask = padded(lengths, 5, 50.0)
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        frames, torch.tensor(lengths), batch_first=True, enforce_sorted=False
    )
    states, _ = torch.nn.utils.rnn.pad_packed_sequence(reference(packed)[0], batch_first=True)
    wanted = made.out(states).log_softmax(dim=2)
    for row, length in enumerate(lengths):
        torch.testing.assert_close(made(frames, mask)[row, :length], wanted[row, :length], rtol=1e-4, atol=1e-5)


def test_token_vectors_sum_one_embedding_per_codebook():
    torch.manual_seed(3)
    made = TokenVectors((4, 3), 8)
    frames = torch.tensor([[3, 2], [0, 1]])
    table = made.table.weight
    torch.testing.assert_close(made(frames), torch.stack([table[3] + table[4 + 2], table[0] + table[4 + 1]]))


@pytest.mark.parametrize(("rate", "repeat", "stack"), [(100.0, 1, 3), (50.0, 1, 2), (25.0, 1, 1), (12.5, 2, 1), (16.67, 2, 1)])  # fmt: skip  # noqa: E501
def test_frames_come_at_a_rate_that_ctc_can_use(rate: float, repeat: int, stack: int):
    recipe = RECIPES["asr"]
    made = Probe(recipe, TokenVectors((4,), recipe.width), rate, 5).eval()
    assert (made.repeat, made.stack) == (repeat, stack)
    out = made(torch.randint(0, 4, (17, 1)), [10, 7])
    assert out.shape == (2, made.length(10), 5)
    assert made.length(10) == math.ceil(10 * repeat / stack)
