"""Operations and parameters, against counts by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from codec_bench.speed.modules import count_macs, count_parameters, modules_of, precision_of

T, C, D = 50, 16, 8
"""Frames, channels in, channels out."""


def _attention(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.scaled_dot_product_attention(x, x, x)


CASES: dict[str, tuple[Callable[[torch.Tensor], Any], int]] = {
    "linear": (nn.Linear(C, D), T * C * D),
    "convolution": (lambda x: nn.Conv1d(C, D, 5, padding=2)(x.mT), T * C * D * 5),
    "grouped": (lambda x: nn.Conv1d(C, D, 5, padding=2, groups=2)(x.mT), T * C * D * 5 // 2),
    "strided": (lambda x: nn.Conv1d(C, D, 5, stride=5)(x.mT), T // 5 * C * D * 5),
    "transposed": (lambda x: nn.ConvTranspose1d(C, D, 4, 2)(x.mT), T * C * D * 4),
    "LSTM": (nn.LSTM(C, D, batch_first=True), T * 4 * D * (C + D)),
    "GRU": (nn.GRU(C, D, batch_first=True), T * 3 * D * (C + D)),
    "attention": (_attention, 2 * T * T * C),
    "transformer": (
        nn.TransformerEncoderLayer(C, 2, 32, batch_first=True).eval(),
        T * (4 * C * C + 2 * C * 32) + 2 * T * T * C,
    ),
    "distances": (lambda x: torch.cdist(x, torch.ones(1, 1024, C)), T * 1024 * C),
    "einsum": (lambda x: torch.einsum("btc,cd->btd", x, torch.ones(C, D)), T * C * D),
    "elementwise": (lambda x: torch.tanh(x) * x + x, 0),
}


@pytest.mark.parametrize("inference", [True, False], ids=["inference", "no_grad"])
@pytest.mark.parametrize("name", list(CASES))
def test_multiply_accumulates_are_those_counted_by_hand(name: str, inference: bool):
    function, expected = CASES[name]
    with torch.inference_mode() if inference else torch.no_grad():
        x = torch.ones(1, T, C)
        assert count_macs(lambda: function(x)) == expected


@pytest.mark.parametrize("inference", [True, False], ids=["inference", "no_grad"])
def test_weight_normalisation_can_be_counted(inference: bool):
    made = nn.utils.parametrizations.weight_norm(nn.Conv1d(C, D, 5))
    with torch.inference_mode() if inference else torch.no_grad():
        x = torch.ones(1, C, T)
        assert count_macs(lambda: made(x), [made]) == (T - 4) * C * D * 5
    assert all(p.requires_grad for p in made.parameters())


def test_counting_changes_no_setting():
    before = (torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled, torch.backends.mha.get_fastpath_enabled())
    with pytest.raises(ZeroDivisionError):
        count_macs(lambda: 1 / 0)
    after = (torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled, torch.backends.mha.get_fastpath_enabled())
    assert after == before


class _Wrapper:
    def __init__(self) -> None:
        self.network = nn.Linear(3, 4)
        self.itself = self


class _Codec:
    def __init__(self) -> None:
        self.wrapped = _Wrapper()
        self.parts = {"a": [nn.Linear(2, 2, bias=False).bfloat16()], "again": self.wrapped.network}
        self.text = "no module"


def test_weights_that_are_buffers_count_and_statistics_and_windows_do_not():
    class Applied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, size in (("weight", 12), ("bias2", 3), ("entries_0", 7), ("window", 400), ("embed_avg", 7)):
                self.register_buffer(name, torch.zeros(size))
            self.norm = nn.BatchNorm1d(4)

    assert count_parameters([Applied()]) == 12 + 3 + 7 + 4 + 4


def test_modules_are_found_wherever_a_codec_keeps_them_and_each_parameter_counts_once():
    codec = _Codec()
    found = modules_of(codec)
    assert {id(m) for m in found} == {id(codec.wrapped.network), id(codec.parts["a"][0])}
    assert count_parameters(found) == 3 * 4 + 4 + 4
    assert precision_of(found) == "bfloat16+float32"
    tied = nn.Linear(4, 3, bias=False)
    tied.weight = nn.Parameter(codec.wrapped.network.weight.detach())
    shared = nn.Linear(3, 4)
    shared.weight = codec.wrapped.network.weight
    assert count_parameters([codec.wrapped.network, shared, tied]) == 3 * 4 + 4 + 4 + 3 * 4
    assert modules_of(object()) == []
