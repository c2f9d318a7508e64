"""Qwen3-TTS-Tokenizer."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.qwen3_tts.adapter import Qwen3TtsTokenizer12
from tests.adapters.isolated.standins import Expected, Samples, Wrong, analysed, residual, summed, synthesised, write

CLASSES = (Qwen3TtsTokenizer12,)
SETTINGS = ((Qwen3TtsTokenizer12, None),)

MODEL = """
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn

from .configuration_qwen3_tts_tokenizer_v2 import HOP


class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tables = nn.Parameter(torch.zeros(16, 2048, 6))

    def decode(self, codes):
        assert codes.shape[1] == 16
        return sum(table[book] for table, book in zip(self.tables, codes[0]))[None].transpose(1, 2)


class Qwen3TTSTokenizerV2Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Conv1d(1, 6, HOP, HOP, bias=False)
        self.decoder = nn.Module()
        self.decoder.quantizer = Quantizer()
        self.decoder.layer = nn.ConvTranspose1d(6, 1, HOP, HOP, bias=False)

    @classmethod
    def from_pretrained(cls, folder, dtype, output_loading_info):
        from safetensors.torch import load_file

        assert dtype == torch.float32 and Path(folder, "config.json").is_file() and output_loading_info
        model = cls()
        found = model.load_state_dict(load_file(f"{folder}/model.safetensors"), strict=False)
        return model, {"missing_keys": set(found.missing_keys)}

    def encode(self, input_values, padding_mask, return_dict):
        assert input_values.shape == padding_mask.shape and return_dict
        x = nn.functional.pad(input_values, (0, -input_values.shape[1] % HOP))
        x = self.encoder(x[:, None])[0].T
        codes = []
        for table in self.decoder.quantizer.tables:
            codes.append(torch.cdist(x, table).argmin(-1))
            x = x - table[codes[-1]]
        return SimpleNamespace(audio_codes=[torch.stack(codes, 1)])

    def decode(self, audio_codes, return_dict):
        assert audio_codes.shape[2] == 16 and return_dict
        return SimpleNamespace(
            audio_values=[self.decoder.layer(self.decoder.quantizer.decode(audio_codes.transpose(1, 2)))[0, 0]]
        )
"""

FOLDER = "qwen_tts/core/tokenizer_12hz"
SOURCES = {
    "QwenLM/Qwen3-TTS": {
        "qwen_tts/__init__.py": "raise ImportError('not needed')",
        f"{FOLDER}/configuration_qwen3_tts_tokenizer_v2.py": "HOP = 1920",
        f"{FOLDER}/modeling_qwen3_tts_tokenizer_v2.py": MODEL,
    }
}


def state() -> dict[str, torch.Tensor]:
    return {
        "decoder.quantizer.tables": torch.randn(16, 2048, 6),
        "decoder.layer.weight": torch.randn(6, 1, 1920) / 100,
        "encoder.weight": torch.randn(6, 1, 1920) / 10,
    }


def weights(mirror: Path) -> None:
    """A configuration and all tensors."""
    for weight, content in zip(CLASSES[0].spec.weights, ("{}", state()), strict=True):
        write(mirror / weight.path, content)


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    state = load_file(mirror / codec.spec.weights[1].path)
    tables = list(state["decoder.quantizer.tables"])
    return Expected(
        residual(analysed(samples, state["encoder.weight"]), tables),
        lambda codes: synthesised(summed(tables, codes), state["decoder.layer.weight"]),
        latents=lambda codes: {"quantized": summed(tables, codes)},
    )


def lacking(path: Path) -> None:
    write(path, {name: tensor for name, tensor in state().items() if name != "encoder.weight"})


WRONG = (Wrong((CLASSES[0], None), 1, lacking, r"lacks 1 tensors, e\.g\. encoder\.weight"),)
