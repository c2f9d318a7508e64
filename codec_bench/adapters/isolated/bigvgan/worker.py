"""Mel spectrogram and BigVGAN: what is lost without any quantisation."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import codec_bench_support as support
import numpy as np

REPOSITORY = "NVIDIA/BigVGAN"


class Model:
    """The vocoder, and the function that makes its input."""

    def __init__(self, vocoder, spectrogram, hop, device):
        self.vocoder, self.spectrogram, self.hop, self.device = vocoder, spectrogram, hop, device

    def encode(self, samples):
        """No codes; the spectrogram is all that is sent."""
        import torch

        audio = np.pad(samples, (0, -len(samples) % self.hop))
        with torch.inference_mode():
            mel = self.spectrogram(torch.from_numpy(audio).to(self.device)[None], self.vocoder.h)
        return [], {"mel": mel[0].cpu().numpy()}

    def decode(self, codes, side):
        """Samples at 24 kHz."""
        import torch

        with torch.inference_mode():
            return self.vocoder(torch.from_numpy(side["mel"]).to(self.device)[None])[0, 0].cpu().numpy()

    def latents(self, codes, side):
        """The spectrogram."""
        return {"mel": side["mel"].T}


def load(job):
    """The vocoder of the checkpoint's own configuration."""
    support.add_source(job.sources[REPOSITORY])
    try:
        import huggingface_hub  # noqa: F401
    except ImportError:
        # A base class of the vocoder, for downloads that never happen here.
        hub = types.ModuleType("huggingface_hub")
        hub.PyTorchModelHubMixin = type("Mixin", (), {"__init_subclass__": classmethod(lambda cls, **_: None)})
        hub.hf_hub_download = None
        sys.modules["huggingface_hub"] = hub
    from bigvgan import BigVGAN
    from env import AttrDict
    from meldataset import get_mel_spectrogram

    with Path(job.files["config.json"]).open(encoding="utf-8") as file:
        config = AttrDict(json.load(file))
    vocoder = BigVGAN(config, use_cuda_kernel=False)
    vocoder.load_state_dict(support.load_state(job.files["bigvgan_generator.pt"])["generator"])
    vocoder.remove_weight_norm()
    return Model(vocoder.to(job.device).eval(), get_mel_spectrogram, config["hop_size"], job.device)
