"""SemantiCodec: `SemantiCodec.encode` and `decode`, built by its own constructor, with smaller networks.

The constructor would fetch and choose a device; it finds the files, and the recording is a file. Reading it needs
torchcodec or SoX in some versions of torchaudio, so that soundfile does it.
"""

from pathlib import Path

import codec_bench_support as support

CODEC, MODE = "semanticodec", "tr50_v4096"
REPOSITORY = "haoheliu/SemantiCodec-inference"
SMALLER = {
    "semanticodec/config.py": {
        '"lstm_layer"] = 3': '"lstm_layer"] = 1',
        '"model_channels": 64': '"model_channels": 32',
        "3, \n                5\n": "2\n",  # the last of four factors of its channels
        '"num_res_blocks": 2': '"num_res_blocks": 1',
        '"ch": 128': '"ch": 32',
    },
    "semanticodec/modules/audiomae/models_mae.py": {
        "depth=12,\n        num_heads=12": "depth=2,\n        num_heads=12",
        "contextual_depth=8": "contextual_depth=-1",  # the last layers of which the mean is taken: both
    },
    "semanticodec/modules/decoder/utilities/model.py": {'_channel": 1024': '_channel": 128'},
}
"""What is published, and what takes its place: every recording is decoded as 10.24 s, by 100 passes of the network."""


def prepare(job):
    support.add_source(job.sources[REPOSITORY])
    support.stub("torchvision")
    from semanticodec import main

    return main


def write(job):
    for path, sizes in SMALLER.items():
        job.shrunk(REPOSITORY, path, sizes)
    upstream = prepare(job)
    import numpy as np
    import torch

    rate, size = map(int, job.mode.split())
    config, _, width, layers, _ = upstream.get_config(rate, size)
    files = {Path(file).name: file for file in job.files.values()}
    codebook = next(file for name, file in files.items() if name.endswith(".npy"))
    np.save(codebook, np.random.default_rng(0).standard_normal((size, width)).astype(np.float32))
    encoder = upstream.AudioMAEConditionQuantResEncoder(
        feature_dimension=width, lstm_layer=layers, centroid_npy_path=codebook
    )
    torch.save(encoder.state_dict(), files["encoder.ckpt"])
    decoder = upstream.instantiate_from_config(config["model"])
    for parameter in decoder.parameters():  # some start as zeros, which would hide all before them
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    torch.save(decoder.state_dict(), files["decoder.ckpt"])


def call(job, samples):
    upstream = prepare(job)
    import soundfile
    import torch

    soundfile.write(f"{job.folder}/recording.wav", samples, 16_000, subtype="FLOAT")
    upstream.torchaudio.load = lambda path: (torch.from_numpy(soundfile.read(path, dtype="float32")[0])[None], 16_000)
    upstream.hf_hub_download = lambda repo_id, filename, cache_dir: job.files[filename]
    codec = upstream.SemantiCodec(*map(int, job.mode.split()), cache_path=job.folder)
    tokens = codec.encode(f"{job.folder}/recording.wav")
    support.seed(support.SEED)
    return tokens[0].T, {}, codec.decode(tokens)
