"""NeMo, of which only two modules can be imported."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import torch

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.nemo_codec.adapter import NEMO_CODEC
from tests.adapters.isolated.standins import Expected, Samples, Wrong, analysed, nearest, synthesised

CLASSES = tuple(NEMO_CODEC.values())
SETTINGS = ((NEMO_CODEC["nemo-nanocodec-1.78k"], None),)

MODULES = """
import fsspec
import torch
from torch import nn

from nemo.collections.asr.modules import AudioToMelSpectrogramPreprocessor
from nemo.collections.audio.parts.utils.transforms import MelSpectrogram
from nemo.collections.common.parts.utils import mask_sequence_tensor
from nemo.core.classes.common import typecheck
from nemo.core.classes.module import NeuralModule
from nemo.core.neural_types.neural_type import NeuralType
from nemo.utils import logging


class Encoder(NeuralModule):
    def __init__(self, width, hop):
        super().__init__()
        self.layer, self.hop = nn.Conv1d(1, width, hop, hop, bias=False), hop

    @property
    def input_types(self):
        return {"audio": NeuralType(("B", "T_audio"))}

    @typecheck()
    def forward(self, audio, audio_len):
        assert audio.shape[-1] == audio_len.item() and audio_len % self.hop == 0
        return self.layer(audio[:, None]), audio_len // self.hop


class Quantizer(NeuralModule):
    def __init__(self, count, size):
        super().__init__()
        self.tables = nn.Parameter(torch.zeros(count, size, 4))

    @typecheck(input_types={"inputs": NeuralType()})
    def encode(self, inputs, input_len):
        assert inputs.shape[-1] == input_len.item()
        groups = inputs.chunk(len(self.tables), 1)
        return torch.stack([torch.cdist(x.transpose(1, 2), t[None]).argmin(-1) for x, t in zip(groups, self.tables)])

    @typecheck(input_types={"indices": NeuralType()})
    def decode(self, indices, input_len):
        assert indices.shape[2] == input_len.item()
        return torch.cat([table[book] for table, book in zip(self.tables, indices)], -1).transpose(1, 2)


class Decoder(NeuralModule):
    def __init__(self, width, hop):
        super().__init__()
        self.layer = nn.ConvTranspose1d(width, 1, hop, hop, bias=False)

    @typecheck()
    def forward(self, inputs, input_len):
        assert inputs.shape[-1] == input_len.item()
        return self.layer(inputs)[:, 0], input_len
"""

REFUSED = "raise ImportError('not needed')"
SOURCES: dict[str, dict[str, str]] = {}
PACKAGES = {
    "nemo/__init__.py": REFUSED,
    "nemo/core/__init__.py": REFUSED,
    "nemo/collections/__init__.py": REFUSED,
    "nemo/collections/tts/__init__.py": REFUSED,
    "nemo/collections/tts/modules/__init__.py": REFUSED,
    "nemo/collections/tts/modules/audio_codec_modules.py": MODULES,
    "nemo/collections/common/parts/utils.py": "def mask_sequence_tensor():\n    pass\n",
}

CONFIG = """
sample_rate: 22050
samples_per_frame: %(hop)d
audio_encoder:
  _target_: %(modules)s.Encoder
  width: %(width)d
  hop: %(hop)d
vector_quantizer:
  _target_: %(modules)s.Quantizer
  count: %(count)d
  size: %(size)d
audio_decoder:
  _target_: %(decoder)s
  width: %(width)d
  hop: %(hop)d
discriminator:
  _target_: nemo.collections.tts.modules.other.Discriminator
"""
PLACE = "nemo.collections.tts.modules.audio_codec_modules"


def weights(mirror: Path) -> None:
    for cls in CLASSES:
        checkpoint(mirror / cls.spec.weights[0].path, cls)


def checkpoint(path: Path, cls: type[IsolatedCodec], hop: int = 0, decoder: str = f"{PLACE}.Decoder") -> None:
    """A .nemo file: a configuration, and tensors of more than what is needed."""
    books = cls.spec.codebooks
    hop = hop or int(books[0].hop)
    width = 4 * len(books)
    state = {
        "audio_encoder.layer.weight": torch.randn(width, 1, hop) / 10,
        "vector_quantizer.tables": torch.randn(len(books), books[0].size, 4),
        "audio_decoder.layer.weight": torch.randn(width, 1, hop) / 100,
        "discriminator.weight": torch.zeros(2),
    }
    tensors = io.BytesIO()
    torch.save(state, tensors)
    values = {"hop": hop, "modules": PLACE, "width": width, "decoder": decoder}
    config = CONFIG % (values | {"count": len(books), "size": books[0].size})
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in (("model_config.yaml", config.encode()), ("model_weights.ckpt", tensors.getvalue())):
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    with tarfile.open(mirror / codec.spec.weights[0].path) as archive:
        member = archive.extractfile("./model_weights.ckpt")
        assert member is not None
        state = torch.load(io.BytesIO(member.read()), weights_only=True)
    groups = torch.split(analysed(samples, state["audio_encoder.layer.weight"]), 4, dim=1)
    tables = list(state["vector_quantizer.tables"])

    def vectors(codes: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat([table[book] for table, book in zip(tables, codes, strict=True)], 1)

    return Expected(
        [nearest(group, table) for group, table in zip(groups, tables, strict=True)],
        lambda codes: synthesised(vectors(codes), state["audio_decoder.layer.weight"]),
        latents=lambda codes: {"quantized": vectors(codes)},
    )


SMALL = NEMO_CODEC["nemo-nanocodec-1.89k"]
WRONG = (
    Wrong((SMALL, None), 0, lambda path: checkpoint(path, SMALL, hop=1764), "1764 samples per frame, not 1024"),
    Wrong((SMALL, None), 0, lambda path: checkpoint(path, SMALL, decoder="os.system"), r"names os\.system"),
)
