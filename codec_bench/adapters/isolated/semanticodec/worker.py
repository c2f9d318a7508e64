"""SemantiCodec: k-means units of AudioMAE and a quantized residual, decoded by latent diffusion."""

from __future__ import annotations

import math

import codec_bench_support as support
import numpy as np

REPOSITORY = "haoheliu/SemantiCodec-inference"
RATE = 16_000
WINDOW = 163_840
"""Samples of the 10.24 s that AudioMAE sees at once, and of which a spectrogram has `FRAMES`."""

FRAMES = 1024
PATCH_SECONDS = 0.16
STEPS = 50
GUIDANCE = 2.0
"""Upstream's defaults."""


class Model:
    """Upstream's model with its two networks."""

    def __init__(self, codec, features, device):
        self.codec, self.features, self.device = codec, features, device

    def encode(self, samples):
        """Codes of float32 `[n]` at 16 kHz: semantic, then acoustic."""
        import torch

        with torch.inference_mode():
            windows = len(samples) // WINDOW + 1  # a recording that ends with a window is followed by one of zeros
            audio = torch.from_numpy(np.pad(samples, (0, windows * WINDOW - len(samples))))[None]
            mel = self.features(audio, RATE, target_length=windows * FRAMES)["ta_kaldi_fbank"][None]
            tokens = self.codec.encoder(mel.to(self.device))[0, : self._length(len(samples))]
        return list(tokens.T.cpu().numpy().astype(np.int64)), {}

    def _length(self, samples):
        """Frames of a recording, with upstream's rounding."""
        seconds = samples / RATE
        seconds = seconds + (PATCH_SECONDS - seconds % PATCH_SECONDS)
        return math.ceil(8 * seconds / PATCH_SECONDS / self.codec.stack_factor_K)

    def decode(self, codes, side):
        """Samples at 16 kHz."""
        import torch

        with torch.inference_mode():
            decoded = self.codec.decode(self._stacked(codes))
        return np.asarray(decoded, np.float32)[0, 0]

    def latents(self, codes, side):
        """Acoustic and semantic vectors side by side."""
        import torch

        with torch.inference_mode():
            return {"quantized": self.codec.encoder.token_to_quantized_feature(self._stacked(codes))[0].cpu().numpy()}

    def _stacked(self, codes):
        """`[1, frames, 2]`."""
        import torch

        return torch.from_numpy(np.stack(codes, axis=-1)).to(self.device)[None]


def load(job):
    """Builds both networks; upstream's own constructor fetches files, chooses a device and unpickles."""
    support.add_source(job.sources[REPOSITORY])
    support.stub("torchvision")  # of timm's readers of pictures
    import torch
    from semanticodec.config import get_config
    from semanticodec.main import SemantiCodec
    from semanticodec.modules.decoder.latent_diffusion.util import instantiate_from_config
    from semanticodec.modules.encoder.encoder import AudioMAEConditionQuantResEncoder
    from semanticodec.utils import extract_kaldi_fbank_feature

    rate, size = map(int, job.mode.split())
    config, folder, dimension, layers, codebook = get_config(rate, size)
    encoder = AudioMAEConditionQuantResEncoder(
        feature_dimension=dimension, lstm_layer=layers, centroid_npy_path=job.files[codebook]
    )
    if len(encoder.centroid_npy) != size:
        raise ValueError(f"{codebook} has {len(encoder.centroid_npy)} entries, not {size}")
    encoder.load_state_dict(support.load_state(job.files[f"{folder}/encoder.ckpt"]))
    decoder = instantiate_from_config(config["model"])
    decoder.load_state_dict(support.load_state(job.files[f"{folder}/decoder.ckpt"]))

    codec = SemantiCodec.__new__(SemantiCodec)
    torch.nn.Module.__init__(codec)
    codec.token_rate, codec.stack_factor_K = rate, 100 / rate
    codec.ddim_sample_step, codec.cfg_scale = STEPS, GUIDANCE
    device = torch.device(job.device)
    codec.device = encoder.device = decoder.device = device  # plain attributes, which `to` does not set
    encoder.centroid_npy = encoder.centroid_npy.to(device)
    codec.encoder, codec.decoder = encoder.to(device).eval(), decoder.to(device).eval()
    return Model(codec, extract_kaldi_fbank_feature, device)
