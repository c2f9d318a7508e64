"""LSCodec: a convolutional encoder, and a vocoder that takes the voice from features of a prompt."""

from __future__ import annotations

import re
from pathlib import Path

import codec_bench_support as support
import numpy as np

REPOSITORY = "cantabile-kwok/LSCodec-Inference"
RATE = 16_000
LAYER = 6
"""Of WavLM, whose output the vocoder was trained with."""


class Model:
    """Encoder, WavLM, codebook and vocoder.

    Attributes:
        repeats: Vectors that the vocoder takes for each token.
    """

    def __init__(self, encoder, wavlm, normalizes, table, vocoder, repeats, device):
        self.encoder, self.wavlm, self.normalizes = encoder, wavlm, normalizes
        self.table, self.vocoder, self.repeats = table, vocoder, repeats
        self.device = device

    def encode(self, samples):
        """Codes of float32 `[n]` at 16 kHz, and the prompt that is taken from it."""
        import torch

        with torch.inference_mode():
            audio = torch.from_numpy(samples).to(self.device)[None]
            codes = self.encoder.encode(audio[None])[2]
            if self.normalizes:
                audio = torch.nn.functional.layer_norm(audio, audio.shape)
            prompt = self.wavlm.extract_features(audio, output_layer=LAYER)[0][0]
        return [codes[:, 0].cpu().numpy().astype(np.int64)], {"prompt": prompt.float().cpu().numpy()}

    def decode(self, codes, side):
        """Samples at 24 kHz."""
        import torch

        with torch.inference_mode():
            vectors = self._embedded(codes).repeat_interleave(self.repeats, dim=0)
            prompt = torch.from_numpy(side["prompt"]).to(self.device)
            decoded = self.vocoder.inference(vectors[None], prompt[None])[-1]
        return decoded.reshape(-1).float().cpu().numpy()

    def latents(self, codes, side):
        """Codebook vectors."""
        return {"quantized": self._embedded(codes).float().cpu().numpy()}

    def _embedded(self, codes):
        """`[frames, dimension]`."""
        import torch

        return self.table[torch.from_numpy(codes[0]).to(self.device)]


def load(job):
    """Builds the networks from the published configurations."""
    support.add_source(job.sources[REPOSITORY])
    # Readers of files, and a filter bank for vocoders with several outputs.
    support.stub("h5py", "kaldiio", "torchaudio", "torchaudio.transforms", "lscodec.layers.pqmf")
    import torch
    from lscodec.models import ctx_v2w
    from lscodec.ssl_models.WavLM import WavLM, WavLMConfig
    from lscodec.utils import load_model

    encoder_config = _config(job.files["encoder_config.yml"])
    config = _config(job.files["vocoder_config.yml"])
    features, outputs = encoder_config["feature_extractor_params"], config["generator_params"].get("out_channels", 1)
    layers = [features["conv_feature_layers"], encoder_config["feature_aggregator_params"]["conv_feature_layers"]]
    if not all(re.fullmatch(r"[\[\](),*+\d\s]+", str(text)) for text in layers):  # upstream evaluates them
        raise ValueError(f"encoder_config.yml has layers that are no lists of numbers: {layers}")
    if features["fs"] != RATE or outputs != 1:
        raise ValueError(f"another kind of LSCodec: {features['fs']} Hz, {outputs} outputs")
    encoder = load_model(dict(encoder_config, pretrain_codebook=job.files["codebook.npy"]))
    generator = getattr(ctx_v2w, config["generator_type"])(**config["generator_params"])
    frontend = ctx_v2w.CTXVEC2WAVFrontend(config["prompt_net_type"], config["num_mels"], **config["frontend_params"])
    vocoder = ctx_v2w.CTXVEC2WAVGenerator(frontend, generator)
    for part, network in (("encoder", encoder), ("vocoder", vocoder)):
        network.load_state_dict(support.load_state(job.files[f"lscodec_{part}.pt"])["model"]["generator"])
    published = support.load_state(job.files["WavLM-Large.pt"])
    wavlm_config = WavLMConfig(published["cfg"])
    wavlm = WavLM(wavlm_config)
    wavlm.load_state_dict(published["model"])
    table = np.load(job.files["codebook.npy"])
    table = table[0] if table.ndim == 3 and len(table) == 1 else table
    if table.ndim != 2:
        raise ValueError(f"codebook.npy is {list(table.shape)}, not one codebook")
    return Model(
        encoder.to(job.device).eval(),
        wavlm.to(job.device).eval(),
        wavlm_config.normalize,
        torch.from_numpy(table).float().to(job.device),
        vocoder.to(job.device).eval(),
        2 if config.get("repeat_input_tokens", False) else 1,
        job.device,
    )


def _config(path):
    """A configuration as its trainer wrote it, with the tuples of Python, but nothing else of it."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor(
        "tag:yaml.org,2002:python/tuple", lambda loader, node: tuple(loader.construct_sequence(node, deep=True))
    )
    with Path(path).open(encoding="utf-8") as file:
        return yaml.load(file, Loader=Loader)  # noqa: S506 - a safe one
