"""MOSS-Audio-Tokenizer: `from_pretrained`, `encode` and `decode`, with fewer and narrower layers.

`AutoModel` would run what lies beside the weights, which is the same class.
"""

import json
from pathlib import Path

import codec_bench_support as support

CODEC = "moss-audio-tokenizer"
REPOSITORY = "OpenMOSS/MOSS-Audio-Tokenizer"


def upstream(job):
    support.add_source(str(Path(job.sources[REPOSITORY]).parent))
    job.bare("moss", job.sources[REPOSITORY])
    from moss import modeling_moss_audio_tokenizer

    return modeling_moss_audio_tokenizer


def write(job):
    import torch

    module = upstream(job)
    config = json.loads(Path(job.sources[REPOSITORY], "config.json").read_text())
    for part in (*config["encoder_kwargs"], *config["decoder_kwargs"]):
        if part["module_type"] == "Transformer":
            part.update(d_model=part["d_model"] // 4, num_heads=part["num_heads"] // 4, num_layers=2)
            part.update(dim_feedforward=part["dim_feedforward"] // 4, layer_scale=0.5)
    model = module.MossAudioTokenizerModel(module.MossAudioTokenizerConfig(**config))
    for parameter in model.parameters():  # some start as zeros, which would hide all before them
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    job.spread(model.quantizer.input_proj, lambda audio: model.encode(audio[None]))
    size = sum(tensor.nbytes for tensor in model.state_dict().values())
    model.save_pretrained(job.folder, max_shard_size=size * 6 // 10)  # in two files


def call(job, samples):
    import torch

    model = upstream(job).MossAudioTokenizerModel.from_pretrained(job.folder).eval()
    codes = model.encode(torch.from_numpy(samples)[None, None], return_dict=True).audio_codes
    return codes[:, 0], {}, model.decode(codes, return_dict=True).audio
