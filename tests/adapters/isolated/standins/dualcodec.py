"""DualCodec, with an encoder of transformers' own code and of a small size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.dualcodec.codec import DualCodec12, DualCodec25
from tests.adapters.isolated.standins import environment, use

CLASSES = (DualCodec12, DualCodec25)

REPOSITORY = "jiaqili3/DualCodec"
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

FILES = {
    "dualcodec/__init__.py": "raise ImportError('not needed')",
    "dualcodec/model_codec/__init__.py": MODEL,
    f"dualcodec/conf/model/{DualCodec12.spec.configuration}.yaml": CONFIG
    % ("[4, 5, 6, 8, 2]", 7, 4096, "  semantic_downsample_factor: 4"),
    f"dualcodec/conf/model/{DualCodec25.spec.configuration}.yaml": CONFIG % ("[4, 5, 6, 8]", 11, 1024, ""),
}


def checkpoint(path: Path, cls: type[DualCodec12]) -> None:
    """The codec's tensors."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    books = cls.spec.codebooks
    hop = books[0].hop
    state = {
        "encoder.weight": torch.randn(WIDTH, 1, hop) / 10,
        "semantic_vq.tables": torch.randn(1, books[0].size, WIDTH),
        "acoustic_vq.tables": torch.randn(len(books) - 1, books[1].size, WIDTH),
        "decoder.weight": torch.randn(WIDTH, 1, hop) / 100,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, str(path))


def encoder(folder: Path) -> None:
    """w2v-BERT of a small size, with its feature extractor."""
    import torch
    from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Wav2Vec2BertModel

    torch.manual_seed(0)
    config = Wav2Vec2BertConfig(
        hidden_size=WIDTH,
        num_hidden_layers=18,
        num_attention_heads=2,
        intermediate_size=16,
        conv_depthwise_kernel_size=3,
    )
    Wav2Vec2BertModel(config).save_pretrained(folder)
    SeamlessM4TFeatureExtractor(feature_size=80, num_mel_bins=80, stride=2, padding_value=1).save_pretrained(folder)  # type: ignore[no-untyped-call]


def prepare(mirror: Path, patch: pytest.MonkeyPatch) -> None:
    """Checkpoints, the encoder, the mean and variance of its features, and the environment."""
    import torch

    for cls in CLASSES:
        checkpoint(mirror / cls.weights()[0].path, cls)
    mean, variance = np.random.default_rng(0).uniform(0.5, 1, (2, WIDTH)).astype(np.float32)
    statistics = {"mean": torch.from_numpy(mean), "var": torch.from_numpy(variance)}
    torch.save(statistics, mirror / CLASSES[0].weights()[1].path)
    encoder((mirror / CLASSES[0].weights()[2].path).parent)
    use(patch, environment(DualCodec12.environment, mirror, {REPOSITORY: FILES}), *CLASSES)
