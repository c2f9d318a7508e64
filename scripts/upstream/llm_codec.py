"""LLM-Codec: `MSCodecLM` as its `infer.py` builds it, with random embeddings in the place of LLaMA 2's."""

from pathlib import Path

import codec_bench_support as support

CODEC = "llm-codec"
REPOSITORY = "yangdongchao/LLM-Codec"
MULTIPLE = 15_360  # windows of its attention


def network(job):
    support.add_source(job.sources[REPOSITORY])
    support.stub("transformers")  # encoders of text
    import torch
    import yaml
    from codec.MSCodec import MSCodecLM

    config = yaml.safe_load(Path(job.sources[REPOSITORY], "config.yaml").read_text())["generator"]["config"]
    paths = {name: f"{job.folder}/{config[name]}" for name in ("local_embedding_path", "global_embedding_path")}
    if not Path(paths["local_embedding_path"]).exists():
        torch.save({"weight": torch.randn(32_000, 4096)}, paths["local_embedding_path"])
        torch.save(torch.randn(3248, 4096), paths["global_embedding_path"])
    return MSCodecLM(**config | paths)


def write(job):
    import torch

    torch.save({"codec_model": network(job).state_dict()}, job.files["semantic_acoustic.pth"])


def call(job, samples):
    import torch

    model = network(job)
    model.load_state_dict(torch.load(job.files["semantic_acoustic.pth"])["codec_model"])
    model.eval()
    codes = model.encode(torch.from_numpy(samples)[None, None])
    support.seed(support.SEED)  # the decoder adds noise
    return [book[0] for book in codes], {}, model.decode(codes)
