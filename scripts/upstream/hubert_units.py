"""Units of HuBERT: `SpeechEncoder` and `CodeHiFiGANVocoder` of textlesslib, with narrower layers.

textlesslib has its HuBERT from fairseq, which cannot be installed here; that of torchaudio, which its own converter
makes of the files, takes its place. What reads checkpoints by name and pitch is left out.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import codec_bench_support as support

CODEC, MODE = "hubert-km", "km500"
REPOSITORY = "facebookresearch/textlesslib"
BESIDE = ("torchaudio==2.11.0", "scikit-learn>=1.5", "threadpoolctl")
VOCODER = {
    "resblock_kernel_sizes": [3, 7, 11],
    "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
    "upsample_rates": [5, 4, 4, 2, 2],
    "upsample_kernel_sizes": [11, 8, 8, 4, 4],
    "upsample_initial_channel": 128,
    "num_embeddings": 500,
    "embedding_dim": 128,
    "model_in_dim": 384,
    "multispkr": "from_input",
    "num_speakers": 4,
    "multistyle": True,
    "num_styles": 26,
}
"""Tokens of 320 samples, voices and styles as those that are published; fewer channels."""


def hubert(config, weights):
    """What textlesslib asks of fairseq's model."""
    import torch
    from torchaudio.models.wav2vec2.utils import import_huggingface_model
    from transformers import HubertConfig, HubertModel

    model = HubertModel(HubertConfig.from_pretrained(config))
    model.load_state_dict(torch.load(weights))
    model = import_huggingface_model(model)
    layers = model.extract_features
    model.extract_features = lambda source, padding_mask, mask, output_layer: (
        layers(source, num_layers=output_layer)[0][-1],
        None,
    )
    return model


def prepare(job):
    support.add_source(job.sources[REPOSITORY])
    for name in ("textless", "textless.data", "textless.vocoders"):
        job.bare(name, f"{job.sources[REPOSITORY]}/{name.replace('.', '/')}")
    for name in ("torchaudio", "torchaudio.models"):  # without its libraries, which need CUDA
        job.bare(name, f"{job.beside}/{name.replace('.', '/')}")
    support.stub("fairseq", "textless.checkpoint_manager")
    support.stub("textless.data.f0_preprocess", F0_FRAME_SPACE=0.005)
    import fairseq
    import textless

    task = SimpleNamespace(cfg=SimpleNamespace(normalize=False))
    fairseq.checkpoint_utils = SimpleNamespace(
        load_model_ensemble_and_task=lambda paths: ([hubert(next(iter(job.files.values())), *paths)], None, task)
    )
    textless.dispatch_dense_model = textless.dispatch_quantizer = None


def write(job):
    prepare(job)
    import joblib
    import numpy as np
    import torch
    from sklearn.cluster import MiniBatchKMeans
    from textless.vocoders.hifigan.generator import CodeGenerator
    from transformers import HubertConfig, HubertModel

    files = list(job.files.values())
    model = HubertModel(HubertConfig(hidden_size=192, intermediate_size=256, num_attention_heads=4)).eval()
    model.config.save_pretrained(Path(files[0]).parent)
    torch.save(model.state_dict(), files[1])
    with torch.no_grad():
        found = model(torch.from_numpy(np.load(job.recording))[None], output_hidden_states=True).hidden_states[9][0]
    around = found.repeat(20, 1) + found.std(0) * torch.randn(20 * len(found), found.shape[1])
    joblib.dump(MiniBatchKMeans(500, n_init=1, random_state=0).fit(around.numpy()), files[2])
    torch.save({"generator": CodeGenerator(VOCODER).state_dict()}, files[3])
    Path(files[4]).write_text(json.dumps(VOCODER))


def call(job, samples):
    import torch

    prepare(job)
    from textless.data.hubert_feature_reader import HubertFeatureReader
    from textless.data.kmeans_quantizer import KMeansQuantizer
    from textless.data.speech_encoder import SpeechEncoder
    from textless.vocoders.hifigan.vocoder import CodeHiFiGANVocoder

    _, weights, kmeans, generator, config = job.files.values()
    encoder = SpeechEncoder(HubertFeatureReader(weights, layer=9), KMeansQuantizer(kmeans), False, need_f0=False)
    units = encoder(torch.from_numpy(samples))["units"]
    vocoder = CodeHiFiGANVocoder(generator, config)
    return [units], {}, vocoder(units[None].long())
