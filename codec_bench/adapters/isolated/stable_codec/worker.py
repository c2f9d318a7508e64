"""Stable Codec: an autoencoder of stable-audio-tools, whose latents are quantized after training."""

from __future__ import annotations

import json
from pathlib import Path

import codec_bench_support as support
import numpy as np

REPOSITORY = "Stability-AI/stable-codec"
STAGES = {
    "1x46656_400bps": [([6] * 6, 1.0)],
    "2x15625_700bps": [([5] * 6, 1.0), ([5] * 6, 0.25)],
    "4x729_1000bps": [([3] * 6, 0.5**stage) for stage in range(4)],
}
"""Levels and scale of each quantizer, by the names of upstream's presets."""

LOUDNESS = [-20, 0]
"""LUFS, and by how many it may differ."""


class Model:
    """Autoencoder and quantizers."""

    def __init__(self, autoencoder, quantizer, norm, device):
        self.autoencoder, self.quantizer, self.norm, self.device = autoencoder, quantizer, norm, device

    def encode(self, samples):
        """Codes of float32 `[n]` at 16 kHz, and the gain that brought it to its loudness."""
        import torch

        with torch.inference_mode():
            padding = -len(samples) % self.autoencoder.downsampling_ratio
            audio = torch.from_numpy(np.pad(samples, (0, padding)))[None]
            loud = self.norm(audio.clone())
            gain = float(loud.square().mean().sqrt() / audio.square().mean().sqrt())
            if not (np.isfinite(gain) and gain > 0):  # too quiet to have a loudness
                loud, gain = audio, 1.0
            latents = self.autoencoder.encode_audio(loud[None].to(self.device), skip_bottleneck=True)
            books = self.quantizer.encode(latents)
        codes = [book[0, :, 0].cpu().numpy().astype(np.int64) for book in books]
        return codes, {"gain": np.array([gain], np.float32)}

    def decode(self, codes, side):
        """Samples at 16 kHz, at the loudness of the recording."""
        import torch

        with torch.inference_mode():
            decoded = self.autoencoder.decode_audio(self._embedded(codes))
        return decoded[0, 0].float().cpu().numpy() / side["gain"][0]

    def latents(self, codes, side):
        """The quantized latents."""
        return {"quantized": self._embedded(codes)[0].T.float().cpu().numpy()}

    def _embedded(self, codes):
        """`[1, dimension, frames]`."""
        import torch

        return self.quantizer.decode([torch.from_numpy(book).to(self.device)[None, :, None] for book in codes])


def load(job):
    """Builds the autoencoder from the published configuration."""
    # The package's own start imports its trainer, as do conditioners of other models.
    package = str(Path(job.sources[REPOSITORY]) / "stable_codec")
    support.stub("einops_exts", "k_diffusion")
    import stable_audio_tools

    support.stub("stable_audio_tools.training")
    import flash_attn  # noqa: F401 - without it, the attention's windows would be ignored
    import torch
    from safetensors.torch import load_file
    from stable_audio_tools.data.utils import VolumeNorm

    quantizers = _package("stable_codec", package)
    with Path(job.files["model_config.json"]).open(encoding="utf-8") as file:
        config = json.load(file)
    autoencoder = stable_audio_tools.create_model_from_config(config)
    absent, _ = autoencoder.load_state_dict(load_file(job.files["model.safetensors"]), strict=False)
    if absent:
        raise ValueError(f"the weights lack {absent[0]} and {len(absent) - 1} more")
    device = torch.device(job.device)
    return Model(
        autoencoder.to(device).eval().requires_grad_(False),
        quantizers.ResidualFSQBottleneck(STAGES[job.mode]).to(device).eval(),
        VolumeNorm(LOUDNESS, config["sample_rate"]),
        device,
    )


def _package(name, folder):
    """The module `residual_fsq` of a package, without what the package imports at its start."""
    import importlib
    import sys
    import types

    package = types.ModuleType(name)
    package.__path__ = [folder]
    sys.modules[name] = package
    return importlib.import_module(f"{name}.residual_fsq")
