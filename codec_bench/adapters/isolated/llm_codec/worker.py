"""LLM-Codec: three codebooks of word embeddings, each at twice the rate of the one before."""

from __future__ import annotations

import math
from pathlib import Path

import codec_bench_support as support
import numpy as np

REPOSITORY = "yangdongchao/LLM-Codec"


class Model:
    """Encoder, quantizer and decoder.

    Upstream's whole model is not built: its constructor wants the embeddings of LLaMA 2 as files, only to replace them.
    """

    def __init__(self, encoder, quantizer, decoder, multiple, device):
        self.encoder, self.quantizer, self.decoder = encoder, quantizer, decoder
        self.multiple = multiple
        self.device = device

    def encode(self, samples):
        """Codes of float32 `[n]` at 16 kHz, zeros appended up to whole windows of the attention."""
        import torch

        audio = np.pad(samples, (0, -len(samples) % self.multiple))
        with torch.inference_mode():
            codes = self.quantizer(self.encoder(torch.from_numpy(audio).to(self.device)[None, None]))[1]
        return [book[0].cpu().numpy().astype(np.int64) for book in codes], {}

    def decode(self, codes, side):
        """Samples at 16 kHz; the decoder adds noise."""
        import torch

        with torch.inference_mode():
            decoded = self.decoder(self._embedded(codes))
        return decoded[0, 0].float().cpu().numpy()

    def latents(self, codes, side):
        """The sum of all codebooks' vectors at the highest rate."""
        import torch

        with torch.inference_mode():
            return {"quantized": self._embedded(codes)[0].T.cpu().numpy()}

    def _embedded(self, codes):
        """`[1, dimension, frames]`."""
        import torch

        return self.quantizer.from_codes([torch.from_numpy(book).to(self.device)[None] for book in codes])


def load(job):
    """Builds the three networks from upstream's configuration."""
    source = Path(job.sources[REPOSITORY])
    support.add_source(str(source))
    import torch
    import yaml
    from codec.layers import Decoder, Encoder
    from codec.vq import ResidualVectorQuantizeLLM

    with (source / "config.yaml").open(encoding="utf-8") as file:
        config = yaml.safe_load(file)["generator"]["config"]
    state = support.load_state(job.files["semantic_acoustic.pth"])["codec_model"]
    prefix = "quantizer.quantizers.{}.codebook.weight"
    if prefix.format(1) not in state:
        raise ValueError("the checkpoint has no codebooks, which are LLaMA 2's embeddings")
    shape = {"depthwise": config["depthwise"], "attn_window_size": config["attn_window_size"]}
    parts = {
        "encoder": Encoder(config["encoder_dim"], config["encoder_rates"], **shape),
        "quantizer": ResidualVectorQuantizeLLM(
            input_dim=config["latent_dim"],
            vq_strides=config["vq_strides"],
            checkpoint=state[prefix.format(1)],
            g_ckpt=state[prefix.format(0)],
            use_cblinear=config["use_cblinear"],
        ),
        "decoder": Decoder(
            config["latent_dim"], config["decoder_dim"], config["decoder_rates"], config["noise"], **shape
        ),
    }
    for name, part in parts.items():
        start = name + "."
        part.load_state_dict({key[len(start) :]: value for key, value in state.items() if key.startswith(start)})
        part.eval().requires_grad_(False)
    for quantizer in parts["quantizer"].quantizers:
        # Upstream maps the whole codebook (32,000 x 4096) again at each call; the result is always the same.
        quantizer.codebook.weight = torch.nn.Parameter(
            quantizer.cb_proj(quantizer.codebook.weight), requires_grad=False
        )
        quantizer.cb_proj = torch.nn.Identity()
    multiple = math.prod(config["encoder_rates"]) * math.lcm(config["vq_strides"][0], config["attn_window_size"])
    return Model(*(part.to(job.device) for part in parts.values()), multiple=multiple, device=job.device)
