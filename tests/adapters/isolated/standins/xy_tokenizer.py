"""XY-Tokenizer."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn import functional

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.xy_tokenizer.adapter import XyTokenizer
from tests.adapters.isolated.standins import Expected, Samples, analysed, residual, summed, write

CLASSES = (XyTokenizer,)
SETTINGS = ((XyTokenizer, None),)

CONFIG = """
sample_rate: &sample_rate 16000

generator_params:
    sample_rate: *sample_rate
    quantizer_kwargs: {input_dim: 6, num_quantizers: 8, codebook_size: 1024}
"""

MODEL = """
import librosa
import torch
from torch import nn
from torchaudio.functional.functional import _hz_to_mel, _mel_to_hz
from transformers import WhisperModel


class Quantizer(nn.Module):
    def __init__(self, input_dim, num_quantizers, codebook_size):
        super().__init__()
        self.register_buffer("codebooks", torch.zeros(num_quantizers, codebook_size, input_dim))

    def decode_codes(self, codes):
        assert codes.dim() == 3 and len(codes) == len(self.codebooks)
        return sum(table[book] for table, book in zip(self.codebooks, codes)).transpose(1, 2)


class XY_Tokenizer(nn.Module):
    def __init__(self, generator_params):
        super().__init__()
        self.sample_rate = generator_params["sample_rate"]
        self.downsample_rate = 1280
        width = generator_params["quantizer_kwargs"]["input_dim"]
        self.encoder = nn.Conv1d(1, width, 1280, 1280)
        self.quantizer = Quantizer(**generator_params["quantizer_kwargs"])
        self.vocos = nn.Linear(width, 1280)

    @torch.inference_mode()
    def encode(self, wav_list, overlap_seconds=10, device=torch.device("cuda")):
        assert overlap_seconds == 10 and all(wav.dim() == 1 and wav.device == device for wav in wav_list)
        codes_list = []
        for wav in wav_list:
            z = self.encoder(wav[None, None, : len(wav) // 1280 * 1280])[0].T
            codes = []
            for table in self.quantizer.codebooks:
                codes.append(torch.cdist(z, table).argmin(-1))
                z = z - table[codes[-1]]
            codes_list.append(torch.stack(codes))
        return {"codes_list": codes_list}

    @torch.inference_mode()
    def decode(self, codes_list, overlap_seconds=10, device=torch.device("cuda")):
        assert overlap_seconds == 10
        hidden = [self.quantizer.decode_codes(codes[:, None].to(device))[0].T for codes in codes_list]
        return {"syn_wav_list": [self.vocos(h).flatten() for h in hidden]}
"""

SOURCES = {
    "gyt1145028706/XY-Tokenizer": {
        "config/xy_tokenizer_config.yaml": CONFIG,
        "xy_tokenizer/model.py": MODEL,
    }
}


def weights(mirror: Path) -> None:
    """A trainer's checkpoint: the model under the name of the generator."""
    state = {
        "encoder.weight": torch.randn(6, 1, 1280) / 10,
        "encoder.bias": torch.randn(6) / 10,
        "quantizer.codebooks": torch.randn(8, 1024, 6) * (0.5 ** torch.arange(8))[:, None, None],
        "vocos.weight": torch.randn(1280, 6) / 10,
        "vocos.bias": torch.zeros(1280),
    }
    write(mirror / XyTokenizer.spec.weights[0].path, {"generator": state})


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    state = torch.load(mirror / codec.spec.weights[0].path, weights_only=True)["generator"]
    tables = list(state["quantizer.codebooks"])
    return Expected(
        residual(analysed(samples, state["encoder.weight"], state["encoder.bias"]), tables),
        lambda codes: functional.linear(summed(tables, codes), state["vocos.weight"]).flatten(),
        latents=lambda codes: {"quantized": summed(tables, codes)},
    )
