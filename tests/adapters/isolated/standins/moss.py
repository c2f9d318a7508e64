"""MOSS-Audio-Tokenizer: a model as transformers loads it, in two files; Nano: two channels in turn, newer names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.moss.adapter import MossAudioTokenizer, MossAudioTokenizerNano, MossAudioTokenizerV2
from tests.adapters.isolated.standins import Expected, Samples, Wrong, analysed, residual, summed, write

CLASSES = (MossAudioTokenizer, MossAudioTokenizerNano, MossAudioTokenizerV2)
SETTINGS = ((MossAudioTokenizer, None), (MossAudioTokenizerNano, None))
CONFIG, FIRST, SECOND, INDEX = (Path(weight.path).name for weight in MossAudioTokenizer.spec.weights)
WHOLE = "model.safetensors"

CONFIGURATION = """
from transformers import PreTrainedConfig


class MossAudioTokenizerConfig(PreTrainedConfig):
    model_type = "moss-audio-tokenizer"
"""

MODELING = """
from types import SimpleNamespace

import torch
from torch import nn
from transformers import PreTrainedModel

from .configuration_moss_audio_tokenizer import MossAudioTokenizerConfig


class Patches(nn.Module):
    def __init__(self, patch_size, is_downsample):
        super().__init__()
        self.downsample_ratio, self.is_downsample = patch_size, is_downsample

    def forward(self, x):
        if self.is_downsample:
            return x.reshape(-1, self.downsample_ratio).T
        return x.T.reshape(1, -1)


class Layer(nn.Module):
    def __init__(self, width, context):
        super().__init__()
        self.self_attn = nn.Module()
        self.self_attn.context = context
        self.linear1, self.linear2 = nn.Linear(width, 8, bias=False), nn.Linear(8, width, bias=False)


class Projected(nn.Module):
    downsample_ratio = 1

    def __init__(self, input_dimension, output_dimension, d_model, context):
        super().__init__()
        self.input_proj = nn.Linear(input_dimension, d_model, bias=False)
        self.transformer = nn.Module()
        self.transformer.layers = nn.ModuleList([Layer(d_model, context)])
        self.output_proj = nn.Linear(d_model, output_dimension, bias=False)

    def forward(self, x):
        (layer,) = self.transformer.layers
        x = self.input_proj(x.T)
        x = x + layer.linear2(layer.linear1(x))
        before = torch.arange(len(x))[:, None] - torch.arange(len(x))
        seen = ((before >= 0) & (before < layer.self_attn.context)).float()
        return self.output_proj(seen @ x / 4).T


class Quantizer(nn.Module):
    def __init__(self, count):
        super().__init__()
        self.tables = nn.Parameter(torch.zeros(count, 1024, 4))

    def decode_codes(self, codes):
        return sum(table[book] for table, book in zip(self.tables, codes)).transpose(1, 2)


class MossAudioTokenizerModel(PreTrainedModel):
    config_class = MossAudioTokenizerConfig

    def __init__(self, config):
        super().__init__(config)
        self.downsample_rate = config.downsample_rate
        rate = config.sampling_rate
        assert (rate, self.downsample_rate) in ((24000, 1920), (96000, 7680)) and config.quantizer_type == "rlfq"

        def made(module_type, is_downsample, **options):
            if module_type == "PatchedPretransform":
                return Patches(**options, is_downsample=is_downsample)
            seconds = getattr(config, "causal_transformer_context_duration", 10.0)
            return Projected(**options, context=int(rate / self.downsample_rate * seconds))

        self.encoder = nn.ModuleList([made(**part, is_downsample=True) for part in config.encoder_kwargs])
        self.quantizer = Quantizer(config.quantizer_kwargs["num_quantizers"])
        self.decoder = nn.ModuleList([made(**part, is_downsample=False) for part in config.decoder_kwargs])
        self.post_init()

    def encode(self, input_values, return_dict=None):
        assert input_values.dim() == 3 and input_values.shape[-1] % self.downsample_rate == 0
        x, codes = input_values[0], []
        for stage in self.encoder:
            x = stage(x)
        rest = x.T[None]
        for table in self.quantizer.tables:
            codes.append(torch.cdist(rest, table[None]).argmin(-1))
            rest = rest - table[codes[-1]]
        return SimpleNamespace(audio_codes=torch.stack(codes))

    def decode(self, audio_codes, return_dict=None):
        x = self.quantizer.decode_codes(audio_codes)[0].float()
        for stage in self.decoder:
            x = stage(x)
        return SimpleNamespace(audio=x[None])
"""

SOURCES = {
    "OpenMOSS/MOSS-Audio-Tokenizer": {
        "configuration_moss_audio_tokenizer.py": CONFIGURATION,
        "modeling_moss_audio_tokenizer.py": MODELING,
    }
}


def configuration(rate: int, patch: int, count: int, **more: Any) -> str:
    """Of a network with one Transformer on each side; with `more` it has two channels."""
    own = {"context_duration": 0.16} if more else {}  # two frames; the decoder takes the shortest of the encoder's
    found = {
        "model_type": "moss-audio-tokenizer",
        "sampling_rate": rate,
        "downsample_rate": rate * 2 // 25,
        "causal_transformer_context_duration": 0.4,
        "encoder_kwargs": [
            {"module_type": "PatchedPretransform", "patch_size": patch},
            {"module_type": "Transformer", "input_dimension": patch, "output_dimension": 4, "d_model": 6, **own},
        ],
        "decoder_kwargs": [
            {"module_type": "Transformer", "input_dimension": 4, "output_dimension": patch, "d_model": 6},
            {"module_type": "PatchedPretransform", "patch_size": patch},
        ],
        "quantizer_type": "rlfq",
        "quantizer_kwargs": {"num_quantizers": count, "codebook_size": 1024},
    }
    return json.dumps(found | more)


def weights(mirror: Path) -> None:
    folder = (mirror / MossAudioTokenizer.spec.weights[0].path).parent
    state = tensors(1920, 32, ("linear1", "linear2"))
    write(folder / CONFIG, configuration(24_000, 1920, 32))
    write(folder / FIRST, {key: value for key, value in state.items() if not key.startswith("decoder")})
    write(folder / SECOND, {key: value for key, value in state.items() if key.startswith("decoder")})
    write(folder / INDEX, index(state))
    folder = (mirror / MossAudioTokenizerNano.spec.weights[0].path).parent
    write(folder / CONFIG, configuration(48_000, 7680, 16, number_channels=2, enable_channel_interleave=True))
    write(folder / WHOLE, tensors(7680, 16, ("ffn.0", "ffn.2")))


def index(state: dict[str, torch.Tensor]) -> str:
    places = {key: SECOND if key.startswith("decoder") else FIRST for key in state}
    return json.dumps({"metadata": {"total_size": 1}, "weight_map": places})


def tensors(patch: int, count: int, names: tuple[str, str]) -> dict[str, torch.Tensor]:
    state = {"quantizer.tables": torch.randn(count, 1024, 4)}
    for stage, read, made in (("encoder.1", patch, 4), ("decoder.0", 4, patch)):
        layer = f"{stage}.transformer.layers.0"
        state |= {
            f"{stage}.input_proj.weight": torch.randn(6, read) / read**0.5,
            f"{layer}.{names[0]}.weight": torch.randn(8, 6) / 3,
            f"{layer}.{names[1]}.weight": torch.randn(6, 8) / 3,
            f"{stage}.output_proj.weight": torch.randn(made, 6) * (4 if made == 4 else 0.05),
        }
    return state


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    folder = (mirror / codec.spec.weights[0].path).parent
    is_nano = codec.name == MossAudioTokenizerNano.name
    names = ("ffn.0", "ffn.2") if is_nano else ("linear1", "linear2")
    state = load_file(folder / WHOLE) if is_nano else load_file(folder / FIRST) | load_file(folder / SECOND)
    tables, channels, context = list(state["quantizer.tables"]), 2 if is_nano else 1, 2 if is_nano else 5

    def transformed(x: torch.Tensor, stage: str) -> torch.Tensor:
        first, second = (state[f"{stage}.transformer.layers.0.{name}.weight"] for name in names)
        x = x + x @ first.T @ second.T
        rows = torch.cat([torch.zeros(context - 1, x.shape[1]), x])
        x = rows.unfold(0, context, 1).sum(-1) / 4  # itself and the frames before
        return x @ state[f"{stage}.output_proj.weight"].T

    def decoded(codes: list[torch.Tensor]) -> torch.Tensor:
        x = summed(tables, codes) @ state["decoder.0.input_proj.weight"].T
        return transformed(x, "decoder.0").flatten().view(-1, channels).mean(1)

    turns = np.repeat(np.pad(samples, (0, -len(samples) % codec.spec.codebooks[0].hop)), channels)
    read = analysed(turns, state["encoder.1.input_proj.weight"][:, None])
    return Expected(
        residual(transformed(read, "encoder.1"), tables),
        decoded,
        latents=lambda codes: {"quantized": summed(tables, codes)},
        agreement=0.95,
    )


def without_decoder(path: Path) -> None:
    state = tensors(1920, 32, ("linear1", "linear2"))
    write(path, index({key: value for key, value in state.items() if not key.startswith("decoder")}))


WRONG = (
    Wrong((MossAudioTokenizer, None), 3, without_decoder, "lack 4 tensors, e.g. decoder.0.input_proj.weight"),
    Wrong((MossAudioTokenizerNano, None), 1, lambda path: write(path, tensors(7680, 16, ("a", "b"))), "lack 4 tensors"),
)
