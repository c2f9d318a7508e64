"""Qwen3-TTS-Tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest

from codec_bench.adapters.isolated.qwen3_tts.codec import Qwen3TtsTokenizer12
from tests.adapters.isolated.standins import environment, use

CLASSES = (Qwen3TtsTokenizer12,)

REPOSITORY = "QwenLM/Qwen3-TTS"

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
FILES = {
    "qwen_tts/__init__.py": "raise ImportError('not needed')",
    f"{FOLDER}/configuration_qwen3_tts_tokenizer_v2.py": "HOP = 1920",
    f"{FOLDER}/modeling_qwen3_tts_tokenizer_v2.py": MODEL,
}


def checkpoint(folder: Path) -> None:
    """A configuration and all tensors."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    state = {
        "encoder.weight": torch.randn(6, 1, 1920) / 10,
        "decoder.quantizer.tables": torch.randn(16, 2048, 6),
        "decoder.layer.weight": torch.randn(6, 1, 1920) / 100,
    }
    save_file(state, str(folder / "model.safetensors"))


def prepare(mirror: Path, patch: pytest.MonkeyPatch) -> None:
    """The checkpoint and the environment."""
    checkpoint((mirror / CLASSES[0].weights()[0].path).parent)
    use(patch, environment(CLASSES[0].environment, mirror, {REPOSITORY: FILES}), *CLASSES)
