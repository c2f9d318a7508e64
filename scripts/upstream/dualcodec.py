"""DualCodec: `Inference.encode` and `decode`, with a smaller w2v-BERT.

In float32, as the adapter computes: upstream's automatic half precision is for GPUs, and would not do on a CPU. It
leaves out a last frame for which w2v-BERT gives too few features; here its last ones are repeated, as the adapter does.
"""

import contextlib
from pathlib import Path

import codec_bench_support as support

CODEC = "dualcodec-12hz"
REPOSITORY = "jiaqili3/DualCodec"


def network(job):
    """Upstream's class with the configuration of that name, as Hydra would build it."""
    support.add_source(job.sources[REPOSITORY])
    import torch
    import yaml

    for name in ("dualcodec", "dualcodec.infer"):  # without what they import for synthesis
        job.bare(name, f"{job.sources[REPOSITORY]}/{name.replace('.', '/')}")
    support.stub("audiotools", "cached_path")
    support.stub("audiotools.ml", BaseModel=torch.nn.Module)
    from dualcodec.model_codec import DualCodec

    config = yaml.safe_load(Path(job.sources[REPOSITORY], f"dualcodec/conf/model/{job.mode}.yaml").read_text())["model"]
    del config["_target_"]
    return DualCodec(**config | {"sample_rate": 24_000}).eval()


def write(job):
    import torch
    from safetensors.torch import save_model
    from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Wav2Vec2BertModel

    files = {Path(file).name.partition("_")[0]: file for file in job.files.values()}
    save_model(network(job), files["dualcodec"])
    torch.save({"mean": torch.randn(1024) / 10, "var": torch.rand(1024) + 0.5}, files["w2vbert2"])
    Wav2Vec2BertModel(Wav2Vec2BertConfig(num_hidden_layers=18, intermediate_size=256)).save_pretrained(job.folder)
    SeamlessM4TFeatureExtractor(padding_value=1).save_pretrained(job.folder)


def call(job, samples):
    model = network(job)
    import torch
    from dualcodec.infer.dualcodec import inference_with_semantic as upstream
    from safetensors.torch import load_model

    upstream.cached_path = lambda path: path
    torch.autocast = lambda **_: contextlib.nullcontext()
    load_model(model, next(file for file in job.files.values() if Path(file).name.startswith("dualcodec_")))
    inference = upstream.Inference(model, job.folder, job.folder, device="cpu", autocast=False)
    extract = inference._extract_semantic_code

    def filled(*arguments):
        features = extract(*arguments)
        short = -(-len(samples) // 1920) * 4 - features.shape[1]
        return torch.cat([features, features[:, -1:].expand(-1, short, -1)], 1)

    inference._extract_semantic_code = filled
    semantic, acoustic = inference.encode(torch.from_numpy(samples)[None, None], n_quantizers=8)
    return [*semantic[0], *acoustic[0]], {}, inference.decode(semantic, acoustic)
