"""Spine: `Spine.from_pretrained`, `encode` and `decode`, at the sizes of its defaults."""

import json

import codec_bench_support as support

CODEC = "spine"
REPOSITORY = "twangodev/spine-codec"


def upstream(job):
    support.add_source(job.sources[REPOSITORY])
    import spine

    return spine


def write(job):
    import torch
    from safetensors.torch import save_file

    module = upstream(job)
    from spine.config import ModelConfig, to_dict

    config = ModelConfig(layerscale_init=0.5)  # they start so small that they would hide what they scale
    with open(job.files["config.json"], "w", encoding="utf-8") as file:
        json.dump(to_dict(config), file)
    model = module.Spine(config)
    for parameter in model.parameters():  # some start as zeros, which would hide all before them
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    for quantizer in model.quantizer.quantizers:
        job.spread(quantizer.in_proj, lambda audio: model.encode(audio[None]))
    save_file(model.state_dict(), job.files["model.safetensors"])


def call(job, samples):
    import torch

    support.stub("huggingface_hub", hf_hub_download=lambda repository, name, revision: job.files[name])
    model = upstream(job).Spine.from_pretrained()
    codes = model.encode(torch.from_numpy(samples)[None, None])
    support.seed(support.SEED)
    return [book[0] for book in codes], {}, model.decode(codes)
