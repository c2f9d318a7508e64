"""BigVGAN: what the quick start of its README does, with the published configuration.

The package that would fetch the files is stubbed; the class finds them in a folder.
"""

import json
from pathlib import Path

import codec_bench_support as support

CODEC = "bigvgan"
REPOSITORY = "NVIDIA/BigVGAN"
CONFIG = "configs/bigvgan_v2_24khz_100band_256x.json"


def upstream(job):
    support.add_source(job.sources[REPOSITORY])
    mixin = type("Mixin", (), {"__init_subclass__": classmethod(lambda cls, **_: None)})
    support.stub("huggingface_hub", PyTorchModelHubMixin=mixin)
    import bigvgan

    return bigvgan


def write(job):
    import torch

    module = upstream(job)
    text = Path(job.sources[REPOSITORY], CONFIG).read_text()
    Path(job.files["config.json"]).write_text(text)
    vocoder = module.BigVGAN(module.AttrDict(json.loads(text)))
    torch.save({"generator": vocoder.state_dict()}, job.files["bigvgan_generator.pt"])


def call(job, samples):
    import torch

    module = upstream(job)
    from meldataset import get_mel_spectrogram

    hub = ("revision", "cache_dir", "force_download", "proxies", "resume_download", "local_files_only", "token")
    model = module.BigVGAN._from_pretrained(model_id=job.folder, **dict.fromkeys(hub))
    model.remove_weight_norm()
    model = model.eval()
    mel = get_mel_spectrogram(torch.from_numpy(samples)[None], model.h)
    return [], {"mel": mel[0]}, model(mel)
