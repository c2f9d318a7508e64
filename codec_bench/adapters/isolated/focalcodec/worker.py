"""FocalCodec: features of WavLM through focal modulation to one binary codebook, and back through a vocoder."""

from __future__ import annotations

import json
from pathlib import Path

import codec_bench_support as support
import numpy as np

REPOSITORY = "lucadellalib/focalcodec"

FIELD = 80
"""Samples that the first layers of WavLM need beyond a whole number of frames; the causal ones need none."""


class Model:
    """Upstream's model."""

    def __init__(self, model, device):
        self.model, self.device = model, device
        self.hop = model.encoder.downsample_factor * model.compressor.downsample_factor
        self.field = 0 if model.causal else FIELD

    def encode(self, samples):
        """Codes of float32 `[n]` at 16 kHz, one per frame that is begun."""
        import torch

        frames = -(-len(samples) // self.hop)
        audio = np.pad(samples, (0, frames * self.hop + self.field - len(samples)))
        with torch.inference_mode():
            codes = self.model.sig_to_toks(torch.from_numpy(audio).to(self.device)[None])
        return [codes[0, :frames].cpu().numpy().astype(np.int64)], {}

    def decode(self, codes, side):
        """Samples at the checkpoint's output rate."""
        import torch

        with torch.inference_mode():
            decoded = self.model.toks_to_sig(torch.from_numpy(codes[0]).to(self.device)[None])
        return decoded[0].float().cpu().numpy()

    def latents(self, codes, side):
        """The binary codes, and what the decoder makes features of."""
        import torch

        with torch.inference_mode():
            binary = self.model.toks_to_codes(torch.from_numpy(codes[0]).to(self.device)[None])
            features = self.model.codes_to_qfeats(binary)
        return {"codes": binary[0].float().cpu().numpy(), "features": features[0].float().cpu().numpy()}


def load(job):
    """The checkpoint's configuration says what to build."""
    support.add_source(job.sources[REPOSITORY])
    from focalcodec import FocalCodec
    from safetensors.torch import load_file

    config = json.loads(Path(job.files["config.json"]).read_text(encoding="utf-8"))
    model = FocalCodec(**config)
    state = load_file(job.files["model.safetensors"])
    # Checkpoints of upstream's first version have other names for the same tensors.
    model.load_state_dict(FocalCodec._remap_state_dict(state, list(model.state_dict())))
    return Model(model.to(job.device).eval(), job.device)
