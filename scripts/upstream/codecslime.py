"""CodecSlime: `CodecSlime.from_pretrained`, `encode` and `decode`, which find the file in a cache."""

from pathlib import Path

import codec_bench_support as support

CODEC, MODE = "codecslime-vq8k", "40hz"
REPOSITORY = "X-LANCE/codecslime"


def upstream(job):
    support.add_source(str(Path(job.sources[REPOSITORY], "src")))
    from codecslime import api

    return api


def write(job):
    from safetensors.torch import save_file

    network = upstream(job).CodecSlimeNet(job.mode.split()[0])
    save_file(network.state_dict(), *job.files.values())


def call(job, samples):
    import torch

    variant, rate = job.mode.split()
    (file,) = job.files.values()
    codec = upstream(job).CodecSlime.from_pretrained(variant, cache_dir=Path(file).parent)
    codes, durations, length = codec.encode(torch.from_numpy(samples), frame_rate=float(rate))
    return [codes[:, 0], durations - 1], {}, codec.decode(codes, durations, length)
