"""PAST: `PastModel.from_pretrained` with a checkpoint of the configuration that it publishes.

Bare packages stand for what imports all of AudioCraft. Recent versions of transformers refuse a mask that upstream
gives BERT for the cross-attention that it does not have; it is left out, as the adapter does.
"""

import codec_bench_support as support

CODEC = "past"
PAST = "slp-rl/PAST"
AUDIOCRAFT = "facebookresearch/audiocraft"


def prepare(job):
    for source in (AUDIOCRAFT, PAST):
        support.add_source(job.sources[source])
    job.bare("audiocraft", f"{job.sources[AUDIOCRAFT]}/audiocraft")
    job.bare("audiocraft.models", f"{job.sources[AUDIOCRAFT]}/audiocraft/models")
    job.bare("audiocraft.modules", f"{job.sources[AUDIOCRAFT]}/audiocraft/modules")
    support.stub("flashy", "speechbrain", "audiocraft.environment", "audiocraft.models.builders")
    from transformers import BertModel

    forward = BertModel.forward
    BertModel.forward = lambda self, inputs_embeds, encoder_attention_mask=None: forward(
        self, inputs_embeds=inputs_embeds
    )


def write(job):
    prepare(job)
    import torch
    from omegaconf import OmegaConf
    from past.models.builders import get_compression_model

    folder = f"{job.sources[PAST]}/config/model/encodec"
    configs = [OmegaConf.load(f"{folder}/{name}.yaml") for name in ("default", "past_transformer_encoder_1024_8")]
    own = {"compression_model": "past", "sample_rate": 16000, "channels": 1, "device": "cpu", "auxiliary_tasks": {}}
    config = OmegaConf.merge(*configs, own)
    state = get_compression_model(config).state_dict()
    for name, tensor in state.items():
        if name.endswith("_codebook.embed"):
            tensor.normal_(std=0.1)
        if name.endswith("inited"):
            tensor.fill_(1)
    torch.save({"xp.cfg": config, "best_state": {"model": state}}, *job.files.values())


def call(job, samples):
    prepare(job)
    import torch
    from past.models.past_model import PastModel

    load = torch.load
    torch.load = lambda path, device: load(path, map_location=device, weights_only=False)
    model = PastModel.from_pretrained(*job.files.values(), device="cpu")
    codes, scale = model.encode(torch.from_numpy(samples)[None, None])
    return codes[0], {}, model.decode(codes, scale)
