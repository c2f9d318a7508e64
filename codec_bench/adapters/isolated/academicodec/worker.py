"""HiFi-Codec of AcademiCodec, and TiCodec, which is built on it and adds codes that are sent once per utterance.

Both call their package `academicodec`; each runs in a process of its own.
"""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path

import codec_bench_support as support
import numpy as np


class Model:
    """Encoder, quantizer and generator."""

    def __init__(self, parts, hop, has_global, device):
        self.encoder, self.quantizer, self.generator = parts
        self.hop, self.has_global, self.device = hop, has_global, device

    def encode(self, samples):
        """Codes of float32 `[n]`, and the global codes of TiCodec."""
        import torch

        audio = np.pad(samples, (0, -len(samples) % self.hop))  # a last frame that is begun would be lost
        with torch.inference_mode():
            encoded = self.encoder(torch.from_numpy(audio).to(self.device)[None, None])
            if self.has_global:
                _, _, codes, _, shared = self.quantizer(*encoded)
                side = {"global": torch.stack([code.reshape(-1)[0] for code in shared]).cpu().numpy()}
            else:
                _, _, codes = self.quantizer(encoded)
                side = {}
        return [code.reshape(-1).cpu().numpy().astype(np.int64) for code in codes], side

    def decode(self, codes, side):
        """Samples `[m]`."""
        import torch

        with torch.inference_mode():
            arguments = [self._embedded(codes)]
            if self.has_global:
                shared = torch.from_numpy(side["global"]).to(self.device)[None, None]
                arguments.append(self.quantizer.embed_gst(shared).squeeze(-1))
            return self.generator(*arguments)[0, 0].cpu().numpy()

    def latents(self, codes, side):
        """Codebook vectors."""
        import torch

        with torch.inference_mode():
            return {"quantized": self._embedded(codes)[0].T.cpu().numpy()}

    def _embedded(self, codes):
        """`[1, dimension, frames]`."""
        import torch

        return self.quantizer.embed(torch.from_numpy(np.stack(codes, -1)).to(self.device)[None])


def load(job):
    """The three networks; `mode` is the path of the configuration in the source tree."""
    ((repository, folder),) = job.sources.items()
    source = Path(folder)
    support.add_source(folder)
    kind = "ticodec" if repository.endswith("TiCodec") else "hificodec"
    models = importlib.import_module("academicodec.models.%s.models" % kind)
    environment = importlib.import_module("academicodec.models.%s.env" % kind)
    with (source / job.mode).open(encoding="utf-8") as file:
        config = environment.AttrDict(json.load(file))
    checkpoint = next(iter(job.files.values()))  # the only one
    state = support.load_state(checkpoint)
    parts = []
    for name in ("Encoder", "Quantizer", "Generator"):
        part = getattr(models, name)(config)
        part.load_state_dict(state[name.lower()])
        parts.append(part.to(job.device).eval())
    # The `hop_size` of the configuration is that of a mel spectrogram for training.
    return Model(parts, math.prod(config.upsample_rates), kind == "ticodec", job.device)
