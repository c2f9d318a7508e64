"""SimWhisper-Codec: what its `inference.py` calls, with the network's own loader and a few of the published layers."""

import codec_bench_support as support

CODEC = "simwhisper-codec"
REPOSITORY = "ZhangXinWhut/SimWhisper-Codec"
CONFIG = "config/SimWhisperCodec.yaml"


def network(job):
    """Upstream's class; heads of other models import the stubs."""
    support.add_source(job.sources[REPOSITORY])
    import transformers.audio_utils  # noqa: F401 - looks for librosa before it is stubbed
    from transformers import WhisperModel  # noqa: F401

    support.stub("torchaudio", "torchaudio.functional.functional", "librosa")
    from audiocodec.model import AudioCodec

    return AudioCodec


def write(job):
    import torch
    import yaml

    text = job.shrunk(REPOSITORY, CONFIG, {f"_layers: {count}\n": "_layers: 2\n" for count in (12, 24)})
    torch.save({"model": network(job)(yaml.safe_load(text)["generator_params"]).state_dict()}, *job.files.values())


def call(job, samples):
    import torch

    model = network(job).load_from_checkpoint(f"{job.sources[REPOSITORY]}/{CONFIG}", *job.files.values()).eval()
    cpu = torch.device("cpu")
    codes = model.encode([torch.from_numpy(samples)], overlap_seconds=10, device=cpu)["codes_list"]
    return codes[0], {}, model.decode(codes, overlap_seconds=10, device=cpu)["syn_wav_list"][0]
