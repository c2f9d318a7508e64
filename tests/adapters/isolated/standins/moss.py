"""MOSS-Audio-Tokenizer: a model as transformers loads it, in two files."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from codec_bench.adapters.isolated.acoustic import MossAudioTokenizer
from codec_bench.adapters.isolated.base import IsolatedCodec
from tests.adapters.isolated.standins import Expected, Samples, Wrong, analysed, residual, summed, synthesised, write

CLASSES = (MossAudioTokenizer,)
SETTINGS = ((MossAudioTokenizer, None),)
CONFIG, FIRST, SECOND, INDEX = (Path(weight.path).name for weight in MossAudioTokenizer.spec.weights)

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


class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tables = nn.Parameter(torch.zeros(32, 1024, 4))

    def decode_codes(self, codes):
        return sum(table[book] for table, book in zip(self.tables, codes)).transpose(1, 2)


class MossAudioTokenizerModel(PreTrainedModel):
    config_class = MossAudioTokenizerConfig
    downsample_rate = 1920

    def __init__(self, config):
        super().__init__(config)
        self.encoder = nn.Conv1d(1, 4, 1920, 1920, bias=False)
        self.quantizer = Quantizer()
        self.decoder = nn.ConvTranspose1d(4, 1, 1920, 1920, bias=False)
        self.post_init()

    def encode(self, input_values, return_dict=None):
        assert input_values.dim() == 3 and input_values.shape[-1] % 1920 == 0
        rest, codes = self.encoder(input_values).transpose(1, 2), []
        for table in self.quantizer.tables:
            codes.append(torch.cdist(rest, table[None]).argmin(-1))
            rest = rest - table[codes[-1]]
        return SimpleNamespace(audio_codes=torch.stack(codes))

    def decode(self, audio_codes, return_dict=None):
        return SimpleNamespace(audio=self.decoder(self.quantizer.decode_codes(audio_codes)))
"""

SOURCES = {
    "OpenMOSS/MOSS-Audio-Tokenizer": {
        "configuration_moss_audio_tokenizer.py": CONFIGURATION,
        "modeling_moss_audio_tokenizer.py": MODELING,
    }
}


def weights(mirror: Path) -> None:
    folder = (mirror / MossAudioTokenizer.spec.weights[0].path).parent
    tensors = {"encoder.weight": torch.randn(4, 1, 1920) / 20, "quantizer.tables": torch.randn(32, 1024, 4)}
    write(folder / FIRST, tensors)
    write(folder / SECOND, {"decoder.weight": torch.randn(4, 1, 1920) / 20})
    places = dict.fromkeys(tensors, FIRST) | {"decoder.weight": SECOND}
    write(folder / INDEX, json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    write(folder / CONFIG, json.dumps({"model_type": "moss-audio-tokenizer"}))


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    folder = (mirror / codec.spec.weights[0].path).parent
    state = load_file(folder / FIRST) | load_file(folder / SECOND)
    tables = list(state["quantizer.tables"])
    return Expected(
        residual(analysed(samples, state["encoder.weight"]), tables),
        lambda codes: synthesised(summed(tables, codes), state["decoder.weight"]),
        latents=lambda codes: {"quantized": summed(tables, codes)},
        agreement=0.95,
    )


def without_decoder(path: Path) -> None:
    places = dict.fromkeys(("encoder.weight", "quantizer.tables"), FIRST)
    write(path, json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))


WRONG = (Wrong((MossAudioTokenizer, None), 3, without_decoder, "lack 1 tensors, e.g. decoder.weight"),)
