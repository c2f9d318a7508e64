"""NeMo: `encode` and `decode` of `AudioCodecModel`, with the published configuration of the codec at 22 kHz.

The class is that of the package, and so are the networks. What builds them (Hydra, Lightning, the checks of types) is
not installed beside the codec, and stubbed.
"""

import importlib.util
import io
import tarfile
from pathlib import Path
from typing import Optional

import codec_bench_support as support

CODEC = "nemo-audio-codec-22khz"
MODULES = "nemo.collections.tts.modules.audio_codec_modules"
CONFIG = f"""
sample_rate: 22050
samples_per_frame: 256
audio_encoder:
  _target_: {MODULES}.HiFiGANEncoder
  down_sample_rates: [2, 2, 8, 8]
  encoded_dim: 32
  base_channels: 48
  activation: lrelu
audio_decoder:
  _target_: {MODULES}.HiFiGANDecoder
  up_sample_rates: [8, 8, 2, 2]
  input_dim: 32
  base_channels: 768
  activation: half_snake
  output_activation: clamp
vector_quantizer:
  _target_: {MODULES}.GroupFiniteScalarQuantizer
  num_groups: 8
  num_levels_per_group: [8, 5, 5, 5]
"""


def network(job):
    """Upstream's model with its three networks."""
    root = Path(next(iter(importlib.util.find_spec("nemo").submodule_search_locations)))
    for name in ("", "collections", "collections/common", "collections/common/parts", "collections/tts"):
        job.bare(".".join(("nemo", *Path(name).parts)), root / name)
    for name in ("models", "modules"):
        job.bare(f"nemo.collections.tts.{name}", root / "collections/tts" / name)
    import torch
    import yaml

    support.stub("hydra.utils", "lightning.pytorch", "omegaconf", "fsspec", "nemo.utils")
    support.stub("nemo.collections.asr", "nemo.collections.audio", "nemo.collections.tts.modules.common")
    support.stub("nemo.collections.tts.losses", "nemo.collections.tts.parts")
    support.stub("nemo.core", ModelPT=type("ModelPT", (torch.nn.Module,), {"dtype": torch.float32}))
    support.stub("nemo.core.neural_types.elements", Optional=Optional)  # which upstream takes from there
    support.stub("nemo.core.classes.module", NeuralModule=torch.nn.Module)
    from nemo.collections.tts.models.audio_codec import AudioCodecModel

    modules = importlib.import_module(MODULES)
    model = AudioCodecModel.__new__(AudioCodecModel)
    torch.nn.Module.__init__(model)
    for name, value in yaml.safe_load(CONFIG).items():
        kind = getattr(modules, value.pop("_target_").rpartition(".")[2]) if isinstance(value, dict) else None
        setattr(model, name, kind(**value) if kind else value)
    model.use_scl_loss = False  # as by default
    return model.eval()


def write(job):
    import torch

    model = network(job)
    encoder = model.audio_encoder
    job.spread(encoder.post_conv.conv, lambda audio: encoder(audio=audio, audio_len=torch.tensor([audio.shape[1]])))
    tensors = io.BytesIO()
    torch.save(model.state_dict(), tensors)
    with tarfile.open(*job.files.values(), "w") as archive:
        for name, data in (("model_config.yaml", CONFIG.encode()), ("model_weights.ckpt", tensors.getvalue())):
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def call(job, samples):
    import torch

    model = network(job)
    with tarfile.open(*job.files.values()) as archive:
        model.load_state_dict(torch.load(io.BytesIO(archive.extractfile("./model_weights.ckpt").read())))
    audio = torch.from_numpy(samples)[None]
    tokens, lengths = model.encode(audio=audio, audio_len=torch.tensor([audio.shape[1]]))
    return tokens[0], {}, model.decode(tokens=tokens, tokens_len=lengths)[0]
