"""DualCodec: a codebook of w2v-BERT features, and residual codebooks of what these do not tell about the waveform."""

from __future__ import annotations

from pathlib import Path

import codec_bench_support as support
import numpy as np

REPOSITORY = "jiaqili3/DualCodec"
ENCODER = "facebook/w2v-bert-2.0"
LAYER = 17
"""Index of the hidden states that are quantized: what layer 16 gives, counted from one."""


class Model:
    """Upstream's codec, and the encoder that its first codebook was trained on."""

    def __init__(self, codec, encoder, extractor, mean, deviation, hop, device):
        self.codec, self.encoder, self.extractor = codec, encoder, extractor
        self.mean, self.deviation = mean, deviation
        self.hop, self.device = hop, device

    def encode(self, samples):
        """Codes of float32 `[n]` at 24 kHz, one frame for each that is begun."""
        import torch

        frames = -(-len(samples) // self.hop)
        audio = torch.from_numpy(samples).to(self.device)[None, None]
        with torch.inference_mode():
            semantic, acoustic = self.codec.encode(audio, semantic_repr=self._features(samples, frames))
        books = torch.cat([semantic, acoustic], 1)[0]
        return list(books.cpu().numpy().astype(np.int64)), {}

    def decode(self, codes, side):
        """Samples at 24 kHz, from any number of codebooks."""
        import torch

        books = torch.from_numpy(np.stack(codes)).to(self.device)[None]
        with torch.inference_mode():
            decoded = self.codec.decode_from_codes(books[:, :1], books[:, 1:] if books.shape[1] > 1 else None)
        return decoded[0, 0].float().cpu().numpy()

    def _features(self, samples, frames):
        """`[1, dimension, frames]`, normalized and averaged down to the codec's frames.

        The last features are repeated up to whole frames. Zeros after the recording would not do: the filter bank is
        normalized over time, so that they change all features.
        """
        import torch
        import torchaudio

        lower = torchaudio.functional.resample(torch.from_numpy(samples), 24_000, 16_000)
        inputs = self.extractor(lower.numpy(), sampling_rate=16_000, return_tensors="pt").to(self.device)
        hidden = self.encoder(**inputs, output_hidden_states=True).hidden_states[LAYER]
        factor = self.codec.semantic_downsample_factor
        features = ((hidden - self.mean) / self.deviation).transpose(1, 2)[..., : frames * factor]
        short = frames * factor - features.shape[-1]
        features = torch.cat([features, features[..., -1:].expand(-1, -1, short)], -1)
        return torch.nn.functional.avg_pool1d(features, factor, factor)


def load(job):
    """Builds the codec from upstream's configuration."""
    source = Path(job.sources[REPOSITORY])
    support.add_source(str(source))
    import torch
    import yaml

    # The base class adds ways to save a model; the rest is imported for training.
    support.stub("audiotools")
    support.stub("audiotools.ml", BaseModel=torch.nn.Module)
    from dualcodec.model_codec import DualCodec
    from safetensors.torch import load_model
    from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertModel

    with (source / f"dualcodec/conf/model/{job.mode}.yaml").open(encoding="utf-8") as file:
        config = yaml.safe_load(file)
    arguments = {key: value for key, value in config["model"].items() if key != "_target_"}
    arguments["sample_rate"] = config["SAMPLE_RATE"]
    codec = DualCodec(**arguments)
    (checkpoint,) = (path for name, path in job.files.items() if name.startswith("dualcodec_"))
    load_model(codec, checkpoint)
    statistics = support.load_state(job.files["w2vbert2_mean_var_stats_emilia.pt"], job.device)
    return Model(
        codec.to(job.device).eval(),
        Wav2Vec2BertModel.from_pretrained(job.folder(ENCODER)).to(job.device).eval(),
        SeamlessM4TFeatureExtractor.from_pretrained(job.folder(ENCODER)),
        statistics["mean"].float(),
        statistics["var"].float().sqrt(),
        int(np.prod(arguments["encoder_rates"])),
        job.device,
    )
