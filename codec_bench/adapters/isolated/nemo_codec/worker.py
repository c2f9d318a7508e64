"""Codecs of NeMo: a convolutional encoder, groups of finite scalar quantizers, a HiFi-GAN decoder."""

from __future__ import annotations

import importlib.util
import io
import sys
import tarfile
import types
from pathlib import Path

import codec_bench_support as support
import numpy as np

MODULES = "nemo.collections.tts.modules.audio_codec_modules"
PARTS = ("audio_encoder", "vector_quantizer", "audio_decoder")
PACKAGES = (
    "nemo",
    "nemo.collections",
    "nemo.collections.common",
    "nemo.collections.common.parts",
    "nemo.collections.tts",
    "nemo.collections.tts.modules",
)


class Model:
    """The three networks of a codec."""

    def __init__(self, encoder, quantizer, decoder, hop, device):
        self.encoder, self.quantizer, self.decoder = encoder, quantizer, decoder
        self.hop, self.device = hop, device

    def encode(self, samples):
        """Codes of float32 `[n]` at 22.05 kHz, zeros appended up to whole frames as upstream does."""
        import torch

        audio = torch.from_numpy(np.pad(samples, (0, -len(samples) % self.hop))).to(self.device)[None]
        with torch.inference_mode():
            encoded, length = self.encoder(audio=audio, audio_len=self._length(audio))
            codes = self.quantizer.encode(inputs=encoded, input_len=length)
        return list(codes[:, 0].cpu().numpy().astype(np.int64)), {}

    def decode(self, codes, side):
        """Samples at 22.05 kHz."""
        import torch

        with torch.inference_mode():
            vectors = self._vectors(codes)
            return self.decoder(inputs=vectors, input_len=self._length(vectors))[0][0].float().cpu().numpy()

    def latents(self, codes, side):
        """What the quantizers stand for."""
        import torch

        with torch.inference_mode():
            return {"quantized": self._vectors(codes)[0].T.float().cpu().numpy()}

    def _vectors(self, codes):
        """`[1, dimension, frames]`."""
        import torch

        books = torch.from_numpy(np.stack(codes)).to(self.device)[:, None]
        return self.quantizer.decode(indices=books, input_len=self._length(books)).float()

    def _length(self, x):
        import torch

        return torch.tensor([x.shape[-1]], device=self.device)


def load(job):
    """Builds what a .nemo file describes: an archive of a configuration and tensors."""
    _stub_packages()
    import torch

    # Checks of types while training, and what speaker losses and spectrograms need.
    support.stub("nemo.core", "nemo.utils", "nemo.collections.asr", "nemo.collections.audio", "fsspec")
    support.stub("nemo.core.classes.module", NeuralModule=torch.nn.Module)
    modules = importlib.import_module(MODULES)
    config, state = _read(next(iter(job.files.values())))
    if config["sample_rate"] != 22_050 or str(config["samples_per_frame"]) != job.mode:
        raise ValueError(f"the checkpoint has {config['samples_per_frame']} samples per frame, not {job.mode}")
    made = []
    for name in PARTS:
        part = _built(modules, config[name])
        prefix = f"{name}."
        part.load_state_dict({k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)})
        made.append(part.to(job.device).eval())
    return Model(*made, int(job.mode), job.device)


def _stub_packages():
    """Packages without what their own files import: all of NeMo."""
    spec = importlib.util.find_spec("nemo")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("nemo_toolkit is not installed")
    root = Path(next(iter(spec.submodule_search_locations))).parent
    for name in PACKAGES:
        package = types.ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")))]
        sys.modules[name] = package


def _built(modules, config):
    """An object of one of the codec's own classes, from its name and arguments."""
    place, _, name = config["_target_"].rpartition(".")
    if place != MODULES:
        raise ValueError(f"the configuration names {config['_target_']}, which is no class of the codec")
    return getattr(modules, name)(**{key: value for key, value in config.items() if not key.startswith("_")})


def _read(path):
    """Configuration and tensors; nothing is unpacked to the disk, and nothing is run."""
    import torch
    import yaml

    with tarfile.open(path) as archive:
        members = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}
        config = yaml.safe_load(archive.extractfile(members["model_config.yaml"]).read())
        tensors = io.BytesIO(archive.extractfile(members["model_weights.ckpt"]).read())
    return config, torch.load(tensors, map_location="cpu", weights_only=True)
