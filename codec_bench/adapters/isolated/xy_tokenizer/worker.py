"""XY-Tokenizer: two Whisper-like encoders, one residual quantizer, and a Vocos-like decoder."""

from __future__ import annotations

from pathlib import Path

import codec_bench_support as support
import numpy as np

REPOSITORY = "gyt1145028706/XY-Tokenizer"
OVERLAP_SECONDS = 10
"""Of the windows of 30 s: upstream's default."""


class Model:
    """Upstream's model."""

    def __init__(self, model, device):
        self.model, self.device = model, device

    def encode(self, samples):
        """Codes of float32 `[n]` at 16 kHz, zeros appended up to whole frames, which upstream would drop."""
        import torch

        audio = torch.from_numpy(np.pad(samples, (0, -len(samples) % self.model.downsample_rate))).to(self.device)
        codes = self.model.encode([audio], overlap_seconds=OVERLAP_SECONDS, device=self.device)["codes_list"][0]
        return list(codes.cpu().numpy().astype(np.int64)), {}

    def decode(self, codes, side):
        """Samples at 16 kHz."""
        tokens = [self._stacked(codes)]
        decoded = self.model.decode(tokens, overlap_seconds=OVERLAP_SECONDS, device=self.device)["syn_wav_list"][0]
        return decoded.float().cpu().numpy()

    def latents(self, codes, side):
        """The sum of all codebooks' vectors."""
        import torch

        with torch.inference_mode():
            quantized = self.model.quantizer.decode_codes(self._stacked(codes)[:, None])
        return {"quantized": quantized[0].T.float().cpu().numpy()}

    def _stacked(self, codes):
        import torch

        return torch.from_numpy(np.stack(codes)).to(self.device)


def load(job):
    """Builds the model from upstream's configuration."""
    source = Path(job.sources[REPOSITORY])
    support.add_source(str(source))
    # First, with whatever it finds of what is stubbed next.
    import transformers.audio_utils  # noqa: F401
    import yaml
    from transformers import WhisperModel  # noqa: F401

    support.stub("torchaudio", "torchaudio.functional.functional", "librosa")  # imported, but for heads of other models
    import torch
    from xy_tokenizer.model import XY_Tokenizer

    with (source / "config" / "xy_tokenizer_config.yaml").open(encoding="utf-8") as file:
        model = XY_Tokenizer(yaml.safe_load(file)["generator_params"])
    state = support.load_state(job.files["xy_tokenizer.ckpt"])
    model.load_state_dict(state.get("generator", state))
    return Model(model.to(job.device).eval(), torch.device(job.device))
