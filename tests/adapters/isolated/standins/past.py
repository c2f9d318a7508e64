"""PAST, AudioCraft, and what their checkpoints need of OmegaConf."""

from __future__ import annotations

import subprocess
from pathlib import Path

import torch

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.past.adapter import PAST
from tests.adapters.isolated.standins import Expected, Samples, Wrong, analysed, residual, summed, synthesised, write

CLASSES = tuple(PAST.values())
SETTINGS = ((PAST["past"], None),)

SEANET = """
from audiocraft.modules.conv import StreamableConv1d
from torch import nn

from past.modules.embedding_transformer import EmbeddingTransformer


class SEANetEncoder(nn.Module):
    def __init__(self, dimension, causal, transformer_params=None):
        super().__init__()
        self.dimension, self.hop_length = dimension, 320
        self.model = StreamableConv1d(1, dimension, 320, 320, bias=False)
        self.encoder_transformer = EmbeddingTransformer(**transformer_params) if transformer_params else None

    def forward(self, x):
        x = nn.functional.pad(x, (0, -x.shape[-1] % 320))
        return self.encoder_transformer(self.model(x))


class SEANetDecoder(nn.Module):
    def __init__(self, dimension, causal, trim_right_ratio):
        super().__init__()
        self.model = nn.ConvTranspose1d(dimension, 1, 320, 320, bias=False)

    def forward(self, x):
        return self.model(x)
"""

TRANSFORMER = """
import torch
from torch import nn


class Bert(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, width, bias=False)

    def forward(self, inputs_embeds, encoder_attention_mask=None):
        assert encoder_attention_mask is None
        return self.layer(inputs_embeds)


class EmbeddingTransformer(nn.Module):
    def __init__(self, enc_dim, causal):
        super().__init__()
        self.transformer_encoder = Bert(enc_dim)

    def forward(self, x):
        mask = torch.ones(3, 3)
        return self.transformer_encoder(inputs_embeds=x.transpose(1, 2), encoder_attention_mask=mask).transpose(1, 2)
"""

MODEL = """
from audiocraft.models.encodec import EncodecModel
from audiocraft.utils import checkpoint


class PastModel(EncodecModel):
    def __init__(self, encoder, decoder, quantizer, frame_rate, sample_rate, channels, causal=False):
        super().__init__(encoder, decoder, quantizer)
        assert (frame_rate, sample_rate, channels) == (50, 16000, 1)

    def encode(self, x):
        assert x.dim() == 3
        return self.quantizer.encode(self.encoder(x)), None

    def decode_latent(self, codes):
        return self.quantizer.decode(codes)

    def decode(self, codes, scale=None):
        return self.decoder(self.decode_latent(codes))
"""

QUANTIZER = """
import flashy
import torch
from torch import nn


class ResidualVectorQuantizer(nn.Module):
    def __init__(self, dimension, n_q, bins):
        super().__init__()
        self.tables = nn.Parameter(torch.zeros(n_q, bins, dimension))

    def encode(self, x):
        x, codes = x[0].T, []
        for table in self.tables:
            codes.append(torch.cdist(x, table).argmin(-1))
            x = x - table[codes[-1]]
        return torch.stack(codes)[None]

    def decode(self, codes):
        return sum(table[book] for table, book in zip(self.tables, codes[0])).T[None]
"""

ENCODEC = """
from torch import nn


class EncodecModel(nn.Module):
    def __init__(self, encoder, decoder, quantizer):
        super().__init__()
        self.encoder, self.decoder, self.quantizer = encoder, decoder, quantizer
"""

SOURCES = {
    "slp-rl/PAST": {
        "past/models/past_model.py": MODEL,
        "past/models/builders.py": "raise ImportError('not needed')",
        "past/modules/embedding_transformer.py": TRANSFORMER,
        "past/modules/lstm.py": "",
        "past/modules/seanet.py": SEANET,
        "past/quantization/vq.py": QUANTIZER,
    },
    "facebookresearch/audiocraft": {
        "audiocraft/__init__.py": "raise ImportError('not needed')",
        "audiocraft/models/encodec.py": ENCODEC,
        "audiocraft/modules/conv.py": "from torch.nn import Conv1d as StreamableConv1d",
        "audiocraft/quantization/__init__.py": "",
    },
}

PACKAGES = {
    "omegaconf/__init__.py": """
from omegaconf import nodes
from omegaconf.base import ContainerMetadata


class DictConfig:
    def __init__(self, content):
        self.content, self.metadata = content, ContainerMetadata()

    def __getitem__(self, name):
        return self.content[name]


class ListConfig:
    pass


class OmegaConf:
    @staticmethod
    def to_container(config, resolve):
        assert resolve
        plain = lambda x: {k: plain(v) for k, v in x.content.items()} if isinstance(x, DictConfig) else x.value
        return plain(config)
""",
    "omegaconf/base.py": "class Metadata:\n    pass\n\n\nclass ContainerMetadata(Metadata):\n    pass\n",
    "omegaconf/nodes.py": """
from omegaconf.base import Metadata


class AnyNode:
    def __init__(self, value):
        self.value, self.metadata = value, Metadata()


class StringNode(AnyNode):
    pass


IntegerNode = FloatNode = BooleanNode = StringNode
""",
}

WRITE = """
import sys
import torch
from omegaconf import DictConfig
from omegaconf.nodes import AnyNode

wrap = lambda x: DictConfig({k: wrap(v) for k, v in x.items()}) if isinstance(x, dict) else AnyNode(x)
config = {
    "encodec": {"sample_rate": int(sys.argv[1]), "channels": 1, "causal": False, "renormalize": False},
    "seanet": {
        "dimension": 6,
        "causal": False,
        "encoder": {},
        "decoder": {"trim_right_ratio": 1.0},
        "transformer_params": {"do_enc": True, "do_dec": False, "enc_dim": 6, "causal": False},
    },
    "rvq": {"n_q": 8, "bins": 1024},
}
torch.manual_seed(0)
state = {
    "encoder.model.weight": torch.randn(6, 1, 320) / 10,
    "encoder.encoder_transformer.transformer_encoder.layer.weight": torch.randn(6, 6),
    "quantizer.tables": torch.randn(8, 1024, 6),
    "decoder.model.weight": torch.randn(6, 1, 320) / 100,
    "auxiliary_tasks_models.0.weight": torch.zeros(2),
}
for path in sys.argv[2:]:
    torch.save({"xp.cfg": wrap(config), "best_state": {"model": state}, "history": []}, path)
"""


def weights(mirror: Path) -> None:
    checkpoints(*(mirror / cls.spec.weights[0].path for cls in CLASSES))


def checkpoints(*paths: Path, rate: int = 16_000) -> None:
    """Checkpoints with their configuration in OmegaConf's containers, which only the environment has."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    interpreter = CLASSES[0].environment.interpreter
    subprocess.run([interpreter, "-c", WRITE, str(rate), *paths], check=True)


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    torch.manual_seed(0)  # draws what WRITE draws: OmegaConf is needed to read the checkpoint
    kernel, layer = torch.randn(6, 1, 320) / 10, torch.randn(6, 6)
    tables, inverse = list(torch.randn(8, 1024, 6)), torch.randn(6, 1, 320) / 100
    return Expected(
        residual(analysed(samples, kernel) @ layer.T, tables),
        lambda codes: synthesised(summed(tables, codes), inverse),
        latents=lambda codes: {"quantized": summed(tables, codes)},
    )


class Harm:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("it was run",)


def pickled(path: Path) -> None:
    write(path, {"xp.cfg": Harm(), "best_state": {"model": {}}})


WRONG = (
    Wrong((PAST["past"], None), 0, lambda path: checkpoints(path, rate=24_000), "of another kind"),
    Wrong((PAST["past"], None), 0, pickled, "UnpicklingError"),
)
