"""PAST: EnCodec's encoder with a transformer after it, residual codebooks, and EnCodec's decoder."""

from __future__ import annotations

import collections
import typing

import codec_bench_support as support
import numpy as np

PAST = "slp-rl/PAST"
AUDIOCRAFT = "facebookresearch/audiocraft"
RATE = 16_000
HOP = 320


class Model:
    """Upstream's model without the tasks that it was trained with."""

    def __init__(self, model, device):
        self.model, self.device = model, device

    def encode(self, samples):
        """Codes of float32 `[n]` at 16 kHz."""
        import torch

        with torch.inference_mode():
            codes, _ = self.model.encode(torch.from_numpy(samples).to(self.device)[None, None])
        return list(codes[0].cpu().numpy().astype(np.int64)), {}

    def decode(self, codes, side):
        """Samples at 16 kHz, from any number of codebooks."""
        import torch

        books = torch.from_numpy(np.stack(codes)).to(self.device)[None]
        with torch.inference_mode():
            return self.model.decode(books)[0, 0].float().cpu().numpy()

    def latents(self, codes, side):
        """The sum of the codebooks' vectors."""
        import torch

        books = torch.from_numpy(np.stack(codes)).to(self.device)[None]
        with torch.inference_mode():
            return {"quantized": self.model.decode_latent(books)[0].T.float().cpu().numpy()}


def load(job):
    """Builds what the checkpoint's configuration says, as upstream's builders do."""
    for source in (AUDIOCRAFT, PAST):
        support.add_source(job.sources[source])
    support.stub("audiocraft.utils", "flashy")  # finding and writing checkpoints; training on several machines
    from past.models.past_model import PastModel
    from past.modules.seanet import SEANetDecoder, SEANetEncoder
    from past.quantization.vq import ResidualVectorQuantizer

    config, state = _read(next(iter(job.files.values())))
    seanet = config["seanet"]
    transformer = seanet.pop("transformer_params", None) or {}
    arguments = {"encoder": seanet.pop("encoder"), "decoder": seanet.pop("decoder")}
    for name, switch in (("decoder", "do_dec"), ("encoder", "do_enc")):
        if transformer.pop(switch, False):
            arguments[name]["transformer_params"] = transformer
    encoder = SEANetEncoder(**seanet, **arguments["encoder"])
    decoder = SEANetDecoder(**seanet, **arguments["decoder"])
    if encoder.encoder_transformer is not None:
        _without_mask(encoder.encoder_transformer.transformer_encoder)
    settings = config["encodec"]
    if settings["sample_rate"] != RATE or encoder.hop_length != HOP or settings.get("renormalize"):
        raise ValueError(f"the checkpoint is of another kind: {settings}")
    model = PastModel(
        encoder,
        decoder,
        ResidualVectorQuantizer(dimension=encoder.dimension, **config["rvq"]),
        frame_rate=RATE // HOP,
        sample_rate=RATE,
        channels=settings["channels"],
        causal=settings.get("causal", False),
    )
    model.load_state_dict({name: t for name, t in state.items() if not name.startswith("auxiliary_tasks_models.")})
    return Model(model.to(job.device).eval(), job.device)


def _without_mask(bert):
    """Leaves out a mask that upstream passes: it is for cross-attention, which this model does not have, so that it
    has no effect; some versions of transformers refuse its shape.
    """
    forward = bert.forward
    bert.forward = lambda inputs_embeds, encoder_attention_mask=None: forward(inputs_embeds=inputs_embeds)


def _read(path):
    """Configuration and tensors of a checkpoint; of what is no tensor, only OmegaConf's containers are unpickled."""
    import torch
    from omegaconf import DictConfig, ListConfig, OmegaConf, nodes
    from omegaconf.base import ContainerMetadata, Metadata

    allowed = [DictConfig, ListConfig, ContainerMetadata, Metadata, collections.defaultdict, typing.Any]
    allowed += [nodes.AnyNode, nodes.StringNode, nodes.IntegerNode, nodes.FloatNode, nodes.BooleanNode]
    with torch.serialization.safe_globals([*allowed, dict, list, int, float, str, bool]):
        checkpoint = support.load_state(path)
    whole = checkpoint["xp.cfg"]
    config = {name: OmegaConf.to_container(whole[name], resolve=True) for name in ("encodec", "seanet", "rvq")}
    return config, checkpoint["best_state"]["model"]
