"""SimWhisper-Codec: what its `inference.py` calls, built as XY-Tokenizer's, with a few of the published layers."""

CODEC = "simwhisper-codec"
REPOSITORY = "ZhangXinWhut/SimWhisper-Codec"
CONFIG = "config/SimWhisperCodec.yaml"


def network(job):
    """Upstream's class."""
    return job.other("xy_tokenizer").network(job, REPOSITORY, "audiocodec.model", "AudioCodec")


def write(job):
    import torch
    import yaml

    text = job.shrunk(REPOSITORY, CONFIG, {f"_layers: {count}\n": "_layers: 2\n" for count in (12, 24)})
    torch.save({"model": network(job)(yaml.safe_load(text)["generator_params"]).state_dict()}, *job.files.values())


def call(job, samples):
    return job.other("xy_tokenizer").coded(job, samples, network(job), f"{job.sources[REPOSITORY]}/{CONFIG}")
