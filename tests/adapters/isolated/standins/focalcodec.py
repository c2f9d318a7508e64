"""FocalCodec."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codec_bench.adapters.isolated.focalcodec.codec import CODECS, FocalCodec
from codec_bench.adapters.spec import CodecSpec
from tests.adapters.isolated.standins import environment, use

CLASSES = tuple(CODECS.values())

REPOSITORY = "lucadellalib/focalcodec"

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

FILES = {"focalcodec/__init__.py": MODEL}


def checkpoint(folder: Path, spec: CodecSpec) -> None:
    """A configuration, and tensors of which one has the name of upstream's first version."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    (book,) = spec.codebooks
    bits = book.size.bit_length() - 1
    hop = book.hop * spec.output_rate // spec.input_rate
    config = {
        "encoder_config": {"causal": spec.streaming},
        "compressor_config": {"factor": book.hop // 320},
        "quantizer_config": {"bits": bits},
        "decoder_config": {"hop": hop},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    field = 320 if spec.streaming else 400
    state = {
        "encoder.old.weight": torch.randn(bits, 1, field) / 10,
        "decoder.weight": torch.randn(bits, 1, hop) / 100,
    }
    save_file(state, str(folder / "model.safetensors"))


def prepare(mirror: Path, patch: pytest.MonkeyPatch) -> None:
    """The checkpoints and the environment that they share."""
    for cls in CLASSES:
        checkpoint((mirror / cls.weights()[0].path).parent, cls.spec)
    use(patch, environment(FocalCodec.environment, mirror, {REPOSITORY: FILES}), *CLASSES)
