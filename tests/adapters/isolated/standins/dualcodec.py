"""DualCodec, with an encoder of transformers' own code and of a small size."""

from __future__ import annotations

from pathlib import Path

import torch
import torchaudio  # type: ignore[import-untyped]
from safetensors.torch import load_file
from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Wav2Vec2BertModel

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.dualcodec.adapter import DualCodec12, DualCodec25
from tests.adapters.isolated.standins import Expected, Samples, analysed, residual, summed, synthesised, write

CLASSES = (DualCodec12, DualCodec25)
SETTINGS = ((DualCodec12, None), (DualCodec25, None))

WIDTH = 16

MODEL = """
import numpy as np
import torch
from audiotools import AudioSignal
from audiotools.ml import BaseModel
from torch import nn


class Tables(BaseModel):
    def __init__(self, count, size, width):
        super().__init__()
        self.tables = nn.Parameter(torch.zeros(count, size, width))

    def encode(self, x):
        codes = []
        for table in self.tables:
            codes.append(torch.cdist(x, table).argmin(-1))
            x = x - table[codes[-1]]
        return torch.stack(codes)[None]

    def decode(self, codes):
        return sum(table[book] for table, book in zip(self.tables, codes[0]))


class DualCodec(nn.Module):
    def __init__(self, encoder_rates, n_codebooks, codebook_size, semantic_codebook_size, sample_rate, width,
                 semantic_downsample_factor=2):
        super().__init__()
        assert sample_rate == 24000
        self.semantic_downsample_factor = semantic_downsample_factor
        self.hop = int(np.prod(encoder_rates))
        self.encoder = nn.Conv1d(1, width, self.hop, self.hop, bias=False)
        self.semantic_vq = Tables(1, semantic_codebook_size, width)
        self.acoustic_vq = Tables(n_codebooks, codebook_size, width)
        self.decoder = nn.ConvTranspose1d(width, 1, self.hop, self.hop, bias=False)

    def encode(self, audio_data, num_quantizers=None, sample_rate=24000, semantic_repr=None):
        assert audio_data.dim() == 3 and semantic_repr.dim() == 3 and not self.training
        audio = nn.functional.pad(audio_data, (0, -audio_data.shape[-1] % self.hop))
        x = self.encoder(audio)[0].T
        semantic = self.semantic_vq.encode(semantic_repr[0].T)
        count = semantic.shape[-1]
        assert abs(len(x) - count) <= 2
        return semantic, self.acoustic_vq.encode(x[:count] - self.semantic_vq.decode(semantic))

    def decode_from_codes(self, semantic_codes, acoustic_codes):
        x = self.semantic_vq.decode(semantic_codes)
        if acoustic_codes is not None:
            x = x + self.acoustic_vq.decode(acoustic_codes)
        return self.decoder(x.T[None])
"""

CONFIG = """
SAMPLE_RATE: 24000
model:
  _target_: dualcodec.model_codec.DualCodec
  sample_rate: ${..SAMPLE_RATE}
  encoder_rates: %s
  n_codebooks: %d
  codebook_size: %d
  semantic_codebook_size: 16384
  width: 16
%s
"""

SOURCES = {
    "jiaqili3/DualCodec": {
        "dualcodec/__init__.py": "raise ImportError('not needed')",
        "dualcodec/model_codec/__init__.py": MODEL,
        f"dualcodec/conf/model/{DualCodec12.spec.configuration}.yaml": CONFIG
        % ("[4, 5, 6, 8, 2]", 7, 4096, "  semantic_downsample_factor: 4"),
        f"dualcodec/conf/model/{DualCodec25.spec.configuration}.yaml": CONFIG % ("[4, 5, 6, 8]", 11, 1024, ""),
    }
}


def weights(mirror: Path) -> None:
    """Checkpoints, w2v-BERT of a small size, and the mean and variance of its features."""
    for cls in CLASSES:
        books = cls.spec.codebooks
        state = {
            "encoder.weight": torch.randn(WIDTH, 1, books[0].hop) / 10,
            "semantic_vq.tables": torch.randn(1, books[0].size, WIDTH),
            "acoustic_vq.tables": torch.randn(len(books) - 1, books[1].size, WIDTH),
            "decoder.weight": torch.randn(WIDTH, 1, books[0].hop) / 100,
        }
        write(mirror / cls.spec.weights[0].path, state)
    _, statistics, encoder, *_ = (mirror / weight.path for weight in DualCodec12.spec.weights)
    write(statistics, {"mean": torch.rand(WIDTH) / 2 + 0.5, "var": torch.rand(WIDTH) / 2 + 0.5})
    config = Wav2Vec2BertConfig(
        hidden_size=WIDTH,
        num_hidden_layers=18,
        num_attention_heads=2,
        intermediate_size=16,
        conv_depthwise_kernel_size=3,
    )
    Wav2Vec2BertModel(config).save_pretrained(encoder.parent)
    extractor = SeamlessM4TFeatureExtractor(feature_size=80, num_mel_bins=80, stride=2, padding_value=1)  # type: ignore[no-untyped-call]
    extractor.save_pretrained(encoder.parent)


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    hop = int(codec.spec.codebooks[0].hop)
    places = [mirror / weight.path for weight in codec.spec.weights]
    state, statistics = load_file(places[0]), torch.load(places[1], weights_only=True)
    semantic, *acoustic = tables = [*state["semantic_vq.tables"], *state["acoustic_vq.tables"]]
    lower = torchaudio.functional.resample(torch.from_numpy(samples), 24_000, 16_000)
    extractor = SeamlessM4TFeatureExtractor.from_pretrained(places[2].parent)
    encoder = Wav2Vec2BertModel.from_pretrained(places[2].parent).eval()  # type: ignore[no-untyped-call]
    with torch.inference_mode():
        inputs = extractor(lower.numpy(), sampling_rate=16_000, return_tensors="pt")
        hidden = encoder(**inputs, output_hidden_states=True).hidden_states[17]
    features = (hidden[0] - statistics["mean"]) / statistics["var"].sqrt()
    frames, factor = -(-len(samples) // hop), hop // 480
    lost = frames * factor - len(features)
    assert 0 < lost <= factor + 1  # upstream drops the last features, which are repeated
    pooled = torch.cat([features, features[-1:].expand(lost, -1)]).view(frames, factor, -1).mean(1)
    codes = residual(pooled, [semantic])
    codes += residual(analysed(samples, state["encoder.weight"]) - semantic[codes[0]], acoustic)
    return Expected(codes, lambda codes: synthesised(summed(tables, codes), state["decoder.weight"]))
