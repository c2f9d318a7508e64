"""SemantiCodec."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.semanticodec.adapter import SemantiCodec
from tests.adapters.isolated.standins import Expected, Samples, Wrong, nearest, write

CLASSES = (SemantiCodec,)
SETTINGS = ((SemantiCodec, "tr50_v4096"),)
LENGTHS = (30_000, 2560)

DIMENSION = 6

CONFIG = """
def get_config(token_rate=100, vocab_size=None, checkpoint_path=None):
    assert checkpoint_path is None
    codebook = f"codebook_idx/combine_{token_rate * 128 // 25}_audioset_dominate/codebook_{vocab_size // 2}_0.npy"
    config = {"model": {"params": {"hop": 32000 // token_rate}}}
    return config, "semanticodec_tokenrate_%s" % token_rate, 6, 200 // token_rate, codebook
"""

MAIN = """
import numpy as np
import torch
from torch import nn


class SemantiCodec(nn.Module):
    def __init__(self, token_rate, semantic_vocab_size):
        raise AssertionError("it would fetch files")

    def decode(self, tokens):
        assert tokens.dim() == 3 and tokens.shape[-1] == 2 and self.token_rate == 100 / self.stack_factor_K
        window = int(512 / self.stack_factor_K)
        parts = [tokens[:, i : i + window] for i in range(0, tokens.shape[1], window)]
        waves = [
            self.decoder.generate_sample(
                self.encoder.token_to_quantized_feature(part),
                ddim_steps=self.ddim_sample_step,
                unconditional_guidance_scale=self.cfg_scale,
            )
            for part in parts
        ]
        return np.concatenate(waves, axis=-1)
"""

UTIL = """
import torch
from torch import nn


class LatentDiffusion(nn.Module):
    def __init__(self, hop):
        super().__init__()
        self.device = torch.device("meta")
        self.layer = nn.Linear(12, hop)

    def generate_sample(self, latent, ddim_steps=200, unconditional_guidance_scale=1.0):
        assert ddim_steps == 50 and unconditional_guidance_scale == 2.0 and self.device == latent.device
        wave = self.layer(latent).flatten(1)[:, None]
        return (wave + 0.01 * torch.randn_like(wave)).numpy()


def instantiate_from_config(config):
    return LatentDiffusion(**config["params"])
"""

ENCODER = """
import numpy as np
import torch
from torch import nn


class AudioMAEConditionQuantResEncoder(nn.Module):
    def __init__(self, centroid_npy_path=None, feature_dimension=768, lstm_layer=2):
        super().__init__()
        self.device = None
        self.centroid_npy = torch.from_numpy(np.load(centroid_npy_path))
        self.quantizer = nn.Embedding(8192, feature_dimension)
        self.layer = nn.Linear(128, feature_dimension)
        self.stack = lstm_layer  # spectrum frames per code, which the real one knows from its patches

    def forward(self, mel):
        assert mel.dim() == 3 and mel.shape[1] % 1024 == 0 and mel.shape[2] == 128
        z = self.layer(mel[0].reshape(len(mel[0]) // self.stack, self.stack, 128).mean(1))
        semantic = torch.cdist(z, self.centroid_npy).argmin(-1)
        acoustic = torch.cdist(z - self.centroid_npy[semantic], self.quantizer.weight).argmin(-1)
        return torch.stack([semantic, acoustic], dim=-1)[None]

    def token_to_quantized_feature(self, tokens):
        return torch.cat([self.quantizer(tokens[..., 1]), self.centroid_npy[tokens[..., 0]]], dim=-1)
"""

UTILS = """
import torch


def extract_kaldi_fbank_feature(waveform, sampling_rate, target_length=1024):
    assert waveform.dim() == 2 and sampling_rate == 16000
    assert waveform.shape[-1] == target_length * 160
    frames = torch.nn.functional.pad(waveform[0].reshape(target_length, 160), (0, -32))
    return {"ta_kaldi_fbank": frames}
"""

SOURCES = {
    "haoheliu/SemantiCodec-inference": {
        "semanticodec/__init__.py": "",
        "semanticodec/config.py": CONFIG,
        "semanticodec/main.py": MAIN,
        "semanticodec/utils.py": UTILS,
        "semanticodec/modules/decoder/latent_diffusion/util.py": UTIL,
        "semanticodec/modules/encoder/encoder.py": ENCODER,
    }
}


def weights(mirror: Path) -> None:
    """Centroids of each setting, and both networks of each token rate."""
    for spec in SemantiCodec.specs.values():
        hop = int(spec.codebooks[0].hop)
        contents = (
            {
                "quantizer.weight": torch.randn(8192, DIMENSION),
                "layer.weight": torch.randn(DIMENSION, 128) / 3,
                "layer.bias": torch.randn(DIMENSION) / 10,
            },
            {"layer.weight": torch.randn(hop, 2 * DIMENSION) / 10, "layer.bias": torch.zeros(hop)},
            torch.randn(spec.codebooks[0].size, DIMENSION).numpy(),
        )
        for weight, content in zip(spec.weights, contents, strict=True):
            write(mirror / weight.path, content)


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    """A patch has 2560 samples, 4 frames; the decoder starts from noise, the same for each recording."""
    encoder, decoder, centroids = (mirror / weight.path for weight in codec.spec.weights)
    state, layer = torch.load(encoder, weights_only=True), torch.load(decoder, weights_only=True)["layer.weight"]
    frames = 4 * (len(samples) // 2560 + 1)
    semantic, acoustic = torch.from_numpy(np.load(centroids)), state["quantizer.weight"]
    spectrum = np.pad(samples, (0, 163_840 - len(samples))).reshape(256, 4, 160)[..., :128].mean(1)
    encoded = functional.linear(torch.from_numpy(spectrum), state["layer.weight"], state["layer.bias"])[:frames]
    first = nearest(encoded, semantic)

    def embedded(codes: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat([acoustic[codes[1]], semantic[codes[0]]], dim=-1)

    def decoded(codes: list[torch.Tensor]) -> torch.Tensor:
        audio = functional.linear(embedded(codes), layer).flatten()[None, None]
        torch.manual_seed(0)
        return (audio + 0.01 * torch.randn_like(audio))[0, 0]

    return Expected(
        [first, nearest(encoded - semantic[first], acoustic)],
        decoded,
        latents=lambda codes: {"quantized": embedded(codes)},
    )


def small(path: Path) -> None:
    write(path, np.zeros((2048, DIMENSION), np.float32))


WRONG = (Wrong((SemantiCodec, "tr50_v4096"), 2, small, "has 2048 entries, not 4096"),)
