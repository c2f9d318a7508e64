"""Distill-NeuCodec, with a HuBERT of transformers' own code and of a small size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.distill_neucodec.adapter import DistillNeuCodec
from tests.adapters.isolated.standins import Expected, Samples, Wrong, analysed, nearest, synthesised, write

CLASSES = (DistillNeuCodec,)
SETTINGS = ((DistillNeuCodec, None),)

WIDTH = 16

MODEL = """
import torch
import torchaudio
from huggingface_hub import PyTorchModelHubMixin
from torch import nn
from torch.nn import functional
from torchtune.modules import RotaryPositionalEmbeddings
from transformers import AutoFeatureExtractor, HubertModel, Wav2Vec2BertModel


class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(65536, 4))

    def get_output_from_indices(self, indices):
        assert indices.dim() == 3 and indices.shape[-1] == 1
        return self.table[indices[..., 0]]


class DistillNeuCodec(nn.Module):
    def __init__(self, sample_rate, hop_length):
        super().__init__()
        assert (sample_rate, hop_length) == (24000, 480)
        self.semantic_model = HubertModel.from_pretrained("ntu-spml/distilhubert", output_hidden_states=True)
        self.feature_extractor = AutoFeatureExtractor.from_pretrained("ntu-spml/distilhubert")
        self.codec_encoder = nn.Conv1d(1, 4, 320, 320, bias=False)
        self.generator = nn.Module()
        self.generator.quantizer = Quantizer()
        self.generator.rotary = RotaryPositionalEmbeddings(dim=4)
        self.generator.head = nn.ConvTranspose1d(4, 1, 480, 480, bias=False)

    def encode_code(self, y):
        assert y.dim() == 3 and not self.training
        y = functional.pad(y, (0, 320 - y.shape[-1] % 320))
        inputs = self.feature_extractor(
            functional.pad(y[0].cpu(), (160, 160)), sampling_rate=16000, return_tensors="pt"
        ).input_values.squeeze(0)
        x = self.codec_encoder(y).transpose(1, 2) + self.semantic_model(inputs).last_hidden_state[..., :4]
        return torch.cdist(x, self.generator.quantizer.table[None]).argmin(-1)[:, None]

    def decode_code(self, codes):
        x = self.generator.quantizer.get_output_from_indices(codes.transpose(1, 2))
        return self.generator.head(self.generator.rotary(x[:, :, None])[:, :, 0].transpose(1, 2))
"""

SOURCES = {
    "neuphonic/neucodec": {"neucodec/__init__.py": "raise ImportError('not needed')", "neucodec/model.py": MODEL}
}


def weights(mirror: Path) -> None:
    checkpoint(mirror / DistillNeuCodec.spec.weights[0].path)
    config = HubertConfig(
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    folder = (mirror / DistillNeuCodec.spec.weights[1].path).parent
    HubertModel(config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)


def checkpoint(path: Path, *, whole: bool = True) -> None:
    state = {
        "codec_encoder.weight": torch.randn(4, 1, 320) / 10,
        "generator.quantizer.table": torch.randn(65_536, 4),
        "generator.head.weight": torch.randn(4, 1, 480) / 10,
    }
    write(path, state if whole else {"codec_encoder.weight": state["codec_encoder.weight"]})


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    places = [mirror / weight.path for weight in codec.spec.weights]
    state = torch.load(places[0], weights_only=True)
    table = state["generator.quantizer.table"]
    padded = np.pad(samples, (0, 320 - len(samples) % 320))  # a whole frame where none is begun
    extended = np.pad(padded, 160)
    scaled = torch.from_numpy((extended - extended.mean()) / np.sqrt(extended.var() + 1e-7))
    hubert = HubertModel.from_pretrained(places[1].parent).eval()  # type: ignore[no-untyped-call]
    with torch.inference_mode():
        features = hubert(scaled[None]).last_hidden_state[0, :, :4]

    def decoded(codes: list[torch.Tensor]) -> torch.Tensor:
        pairs = torch.view_as_complex(table[codes[0]].view(-1, 2, 2).contiguous())
        angles = torch.arange(len(pairs))[:, None] * torch.tensor([1.0, 0.01])  # 10000^0 and 10000^(-2/4)
        turned = pairs * torch.polar(torch.ones_like(angles), angles)
        return synthesised(torch.view_as_real(turned).flatten(1), state["generator.head.weight"])

    codes = nearest(analysed(padded, state["codec_encoder.weight"]) + features, table)
    return Expected([codes], decoded, latents=lambda codes: {"quantized": table[codes[0]]}, agreement=0.98)


WRONG = (
    Wrong((DistillNeuCodec, None), 0, lambda path: checkpoint(path, whole=False), "pytorch_model.bin lacks 2 tensors"),
)
