"""FocalCodec."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch.nn import functional

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.focalcodec.adapter import FOCALCODEC
from tests.adapters.isolated.standins import Expected, Samples, synthesised, write

CLASSES = tuple(FOCALCODEC.values())
SETTINGS = tuple((FOCALCODEC[f"focalcodec-{name}"], None) for name in ("12.5hz", "stream-2k"))

MODEL = """
import torch
from torch import nn


class Part(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.downsample_factor = factor


class FocalCodec(nn.Module):
    def __init__(self, encoder_config, compressor_config, quantizer_config, decoder_config):
        super().__init__()
        self.causal = encoder_config["causal"]
        factor, bits, hop = compressor_config["factor"], quantizer_config["bits"], decoder_config["hop"]
        self.encoder, self.compressor = Part(320), Part(factor)
        self.encoder.conv = nn.Conv1d(1, bits, 320 if self.causal else 400, 320, bias=False)
        self.decoder = nn.ConvTranspose1d(bits, 1, hop, hop, bias=False)
        self.bits = bits

    @classmethod
    def _remap_state_dict(cls, state, names):
        return {name: state[name.replace("encoder.conv", "encoder.old")] for name in names}

    def sig_to_toks(self, sig):
        assert sig.dim() == 2
        x = nn.functional.avg_pool1d(self.encoder.conv(sig[:, None]), self.compressor.downsample_factor)
        return ((x > 0) * 2 ** torch.arange(self.bits)[:, None]).sum(1)

    def toks_to_codes(self, toks):
        return ((toks[..., None] >> torch.arange(self.bits)) % 2 * 2.0) - 1

    def codes_to_qfeats(self, codes):
        return codes.repeat_interleave(self.compressor.downsample_factor, 1)

    def toks_to_sig(self, toks):
        return self.decoder(self.toks_to_codes(toks).transpose(1, 2))[:, 0]
"""


SOURCES = {"lucadellalib/focalcodec": {"focalcodec/__init__.py": MODEL}}


def weights(mirror: Path) -> None:
    """Configurations, and tensors of which one has the name of upstream's first version."""
    for cls in CLASSES:
        (book,) = cls.spec.codebooks
        bits, streaming = book.size.bit_length() - 1, cls.spec.streaming
        hop = book.hop * cls.spec.output_rate // cls.spec.input_rate
        config = {
            "encoder_config": {"causal": streaming},
            "compressor_config": {"factor": book.hop // 320},
            "quantizer_config": {"bits": bits},
            "decoder_config": {"hop": hop},
        }
        state = {
            "encoder.old.weight": torch.randn(bits, 1, 320 if streaming else 400) / 10,
            "decoder.weight": torch.randn(bits, 1, hop) / 100,
        }
        for weight, content in zip(cls.spec.weights, (json.dumps(config), state), strict=True):
            write(mirror / weight.path, content)


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    state = load_file(mirror / codec.spec.weights[1].path)
    hop = int(codec.spec.codebooks[0].hop)
    padded = torch.from_numpy(np.pad(samples, (0, -len(samples) % hop + (0 if codec.spec.streaming else 80))))
    features = functional.conv1d(padded[None, None], state["encoder.old.weight"], stride=320)
    bits = (functional.avg_pool1d(features, hop // 320)[0] > 0).T
    places = torch.arange(bits.shape[1])

    def binary(codes: list[torch.Tensor]) -> torch.Tensor:
        return (codes[0][:, None] >> places) % 2 * 2.0 - 1

    return Expected(
        [(bits * 2**places).sum(1)],
        lambda codes: synthesised(binary(codes), state["decoder.weight"]),
        latents=lambda codes: {
            "codes": binary(codes),
            "features": binary(codes).repeat_interleave(hop // 320, 0),
        },
    )
