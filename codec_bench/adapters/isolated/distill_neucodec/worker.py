"""Distill-NeuCodec: L3AC's encoder and DistilHuBERT to one finite scalar quantizer, and back through a Transformer."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

import codec_bench_support as support

REPOSITORY = "neuphonic/neucodec"
ENCODER = "ntu-spml/distilhubert"


class Model(support.TorchModel):
    """Upstream's model. It fills frames itself, and adds one to a recording of whole frames."""

    def codes(self, audio):
        return [self.model.encode_code(audio[None, None])[0, 0]]

    def samples(self, codes):
        return self.model.decode_code(codes[0][None, None])[0, 0]

    def vectors(self, codes):
        return {"quantized": self.model.generator.quantizer.get_output_from_indices(codes[0][None, :, None])[0]}


def load(job):
    """Upstream builds its model from names on Hugging Face; here DistilHuBERT's files take the place of its name."""
    # Above its modules stands one that imports what reads and fetches files.
    package = types.ModuleType("neucodec")
    package.__path__ = [str(Path(job.sources[REPOSITORY], "neucodec"))]
    sys.modules["neucodec"] = package
    support.stub("torchaudio")  # reads files
    support.stub("torchtune.modules", RotaryPositionalEmbeddings=_rotary_embeddings())
    module = importlib.import_module("neucodec.model")
    for loaded in ("AutoFeatureExtractor", "HubertModel"):
        setattr(module, loaded, _FromFolder(getattr(module, loaded), job.folder(ENCODER)))
    model = module.DistillNeuCodec(24_000, 480)
    report = model.load_state_dict(support.load_state(job.files["pytorch_model.bin"]), strict=False)
    trained = {name for name, _ in model.named_parameters()}
    absent = sorted(
        name for name in trained.intersection(report.missing_keys) if not name.startswith("semantic_model.")
    )
    if absent:
        raise RuntimeError(f"pytorch_model.bin lacks {len(absent)} tensors, e.g. {absent[0]}")
    return Model(model.to(job.device).eval(), job.device)


class _FromFolder:
    """A class of transformers that is loaded from a folder, whatever name it is asked for."""

    def __init__(self, cls, folder):
        self.cls, self.folder = cls, folder

    def from_pretrained(self, name, **options):
        return self.cls.from_pretrained(self.folder, local_files_only=True, **options)


def _rotary_embeddings():
    """What the decoder takes from torchtune, which needs torchao: the rotation of neighbours by their place.

    The place is counted along the second axis. Upstream gives the heads there, and was trained so.
    """
    import torch

    class RotaryPositionalEmbeddings(torch.nn.Module):
        def __init__(self, dim, base=10_000):
            super().__init__()
            rates = 1.0 / base ** (torch.arange(0, dim, 2)[: dim // 2].float() / dim)
            self.register_buffer("rates", rates, persistent=False)

        def forward(self, x):
            places = torch.arange(x.shape[1], dtype=self.rates.dtype, device=x.device)
            angles = (places[:, None] * self.rates)[:, None]
            even, odd = x[..., 0::2], x[..., 1::2]
            turned = even * angles.cos() - odd * angles.sin(), odd * angles.cos() + even * angles.sin()
            return torch.stack(turned, -1).flatten(-2)

    return RotaryPositionalEmbeddings
