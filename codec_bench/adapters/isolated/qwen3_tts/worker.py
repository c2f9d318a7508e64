"""Qwen3-TTS-Tokenizer: the encoder of Mimi, and a causal decoder that is run on chunks of 300 frames."""

from __future__ import annotations

import codec_bench_support as support
import numpy as np

REPOSITORY = "QwenLM/Qwen3-TTS"
WEIGHTS = "Qwen/Qwen3-TTS-Tokenizer-12Hz"


class Model:
    """Upstream's model."""

    def __init__(self, model, device):
        self.model, self.device = model, device

    def encode(self, samples):
        """Codes of float32 `[n]` at 24 kHz."""
        import torch

        audio = torch.from_numpy(samples).to(self.device)[None]
        with torch.inference_mode():
            codes = self.model.encode(audio, torch.ones_like(audio, dtype=torch.long), return_dict=True).audio_codes[0]
        return list(codes.T.cpu().numpy().astype(np.int64)), {}

    def decode(self, codes, side):
        """Samples at 24 kHz."""
        import torch

        books = torch.from_numpy(np.stack(codes, 1)).to(self.device)[None]
        with torch.inference_mode():
            return self.model.decode(books, return_dict=True).audio_values[0].float().cpu().numpy()

    def latents(self, codes, side):
        """The sum of all codebooks' vectors."""
        import torch

        books = torch.from_numpy(np.stack(codes)).to(self.device)[None]
        with torch.inference_mode():
            return {"quantized": self.model.decoder.quantizer.decode(books)[0].T.float().cpu().numpy()}


def load(job):
    """The checkpoint's configuration says what to build."""
    support.add_source(job.sources[REPOSITORY])
    import torch
    from qwen_tts.core.tokenizer_12hz.modeling_qwen3_tts_tokenizer_v2 import Qwen3TTSTokenizerV2Model

    model, found = Qwen3TTSTokenizerV2Model.from_pretrained(
        job.folder(WEIGHTS), dtype=torch.float32, output_loading_info=True
    )
    if found["missing_keys"]:
        raise ValueError(
            f"the checkpoint lacks {len(found['missing_keys'])} tensors, e.g. {min(found['missing_keys'])}"
        )
    return Model(model.to(job.device).eval(), job.device)
