"""Hidden layers of the encoder, against hooks on its modules and against PyTorch's own transformer layer."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from codec_bench.adapters.longcat.adapter import LongCat
from codec_bench.adapters.longcat.model import LongCatEncoder, pieces
from codec_bench.audio import Audio
from codec_bench.errors import UsageError
from codec_bench.inference import exact_inference

Golden = Mapping[str, NDArray[Any]]

ENCODER = "LongCatAudioCodec_encoder.pt"


class ReferenceLayer(nn.Module):
    """A layer of PyTorch's own, which normalises first, with one more normalisation at its end."""

    def __init__(self, tensors: Mapping[str, torch.Tensor], number: int) -> None:
        super().__init__()
        name = f"semantic_tokenizer.model.encoder.layers.{number - 1}."
        mine = {key.removeprefix(name): value.float() for key, value in tensors.items() if key.startswith(name)}
        width, inner = mine["linear2.weight"].shape
        self.layer = nn.TransformerEncoderLayer(
            width, 4, inner, dropout=0, activation="gelu", batch_first=True, norm_first=True
        )
        self.end = nn.LayerNorm(width)
        self.end.load_state_dict({key.removeprefix("norm3."): mine.pop(key) for key in ("norm3.weight", "norm3.bias")})
        self.layer.load_state_dict(mine)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.end(self.layer(x))
        return out


@pytest.fixture
def codec(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> LongCat:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(mirror))
    return LongCat()


def hooked(encoder: LongCatEncoder, samples: NDArray[np.float32]) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """What goes into the first layer, and what comes out of each."""
    layers = encoder._semantic.layers
    inputs: list[torch.Tensor] = []
    outputs: list[torch.Tensor] = []
    hooks = [layers[0].register_forward_pre_hook(lambda _, given: inputs.append(given[0]))]
    hooks += [layer.register_forward_hook(lambda _, __, made: outputs.append(made)) for layer in layers]
    with exact_inference():
        encoder.encode(samples)
    for hook in hooks:
        hook.remove()
    return inputs[0], outputs


def test_each_layer_is_what_a_hook_sees_and_what_pytorchs_own_layer_makes(
    encoder: LongCatEncoder, weights: Path, golden: Golden
):
    tensors = torch.load(weights / ENCODER, weights_only=True)
    x, outputs = hooked(encoder, golden["wav16k"])
    found = encoder.hidden_layers(golden["wav16k"], range(1, len(outputs) + 1))
    assert len(found) == len(outputs) == 2
    for number, made in enumerate(outputs, 1):
        assert np.array_equal(found[number], made[0].numpy())
        with torch.no_grad():
            x = ReferenceLayer(tensors, number).eval()(x)
        assert np.abs(found[number] - x[0].numpy()).max() < 1e-5
    assert np.abs(found[2] - golden["semantic_feats"]).max() < 1e-4  # the authors' own code
    assert np.abs(found[1] - found[2]).max() > 0.1


def test_the_pass_ends_with_the_last_layer_that_is_wanted(encoder: LongCatEncoder, golden: Golden):
    ran: list[int] = []
    hooks = [
        layer.register_forward_hook(lambda *_, number=number: ran.append(number))
        for number, layer in enumerate(encoder._semantic.layers, 1)
    ]
    assert list(encoder.hidden_layers(golden["wav16k"], [1])) == [1]
    for hook in hooks:
        hook.remove()
    assert ran == [1]


def test_a_long_recording_is_cut_as_its_tokens_are(encoder: LongCatEncoder):
    samples = np.random.default_rng(0).normal(0, 0.1, 16_000 * 31).astype(np.float32)
    cuts = pieces(len(samples))
    assert len(cuts) == 2 and all(a[1] == b[0] for a, b in pairwise(cuts))
    whole = encoder.hidden_layers(samples, [1, 2])
    for layer in (1, 2):
        parts = [encoder.hidden_layers(samples[a:b], [layer])[layer] for a, b in cuts]
        assert np.array_equal(whole[layer], np.concatenate(parts))


def test_the_codec_gives_layers_of_audio_of_any_rate(codec: LongCat):
    assert codec.hidden_layers() == 2  # before it is loaded
    assert codec.chosen_layers([]) == (2,)
    assert codec.chosen_layers([2, 1, 2]) == (1, 2)
    for layers in ([3], [0]):
        with pytest.raises(UsageError, match=f"longcat has hidden layers 1 to 2, no layer {layers[0]}"):
            codec.chosen_layers(layers)
    codec.load()
    audio = Audio(np.random.default_rng(1).normal(0, 0.1, 48_000 + 7).astype(np.float32), 48_000)
    found = codec.hidden(audio, [1, 2])
    assert {layer: values.shape for layer, values in found.items()} == {1: (17, 32), 2: (17, 32)}
    assert np.array_equal(codec.hidden(audio)[2], found[2])
    codec.close()
