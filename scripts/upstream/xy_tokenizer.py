"""XY-Tokenizer: what its `inference.py` calls, with the network's own loader and a fraction of the published layers."""

import importlib

import codec_bench_support as support

CODEC = "xy-tokenizer"
REPOSITORY = "gyt1145028706/XY-Tokenizer"
CONFIG = "config/xy_tokenizer_config.yaml"


def network(job, repository=REPOSITORY, module="xy_tokenizer.model", name="XY_Tokenizer"):
    """Upstream's class; heads of other models import the stubs."""
    support.add_source(job.sources[repository])
    import transformers.audio_utils  # noqa: F401 - looks for librosa before it is stubbed
    from transformers import WhisperModel  # noqa: F401

    support.stub("torchaudio", "torchaudio.functional.functional", "librosa")
    return getattr(importlib.import_module(module), name)


def write(job):
    import torch
    import yaml

    fewer = {12: 2, 4: 1, 30: 2}
    text = job.shrunk(REPOSITORY, CONFIG, {f"_layers: {old}\n": f"_layers: {new}\n" for old, new in fewer.items()})
    model = network(job)(yaml.safe_load(text)["generator_params"])
    state = model.state_dict()
    for name, tensor in state.items():
        if name.endswith("codebook"):
            tensor.normal_()
        if name.endswith("inited"):
            tensor.fill_(True)
    torch.save({"generator": state}, *job.files.values())


def coded(job, samples, kind, config):
    """Tokens and samples, by a class that loads itself."""
    import torch

    model = kind.load_from_checkpoint(config, *job.files.values()).eval()
    cpu = torch.device("cpu")
    codes = model.encode([torch.from_numpy(samples)], overlap_seconds=10, device=cpu)["codes_list"]
    return codes[0], {}, model.decode(codes, overlap_seconds=10, device=cpu)["syn_wav_list"][0]


def call(job, samples):
    return coded(job, samples, network(job), f"{job.sources[REPOSITORY]}/{CONFIG}")
