"""Kanade: `load_audio`, `KanadeModel.from_pretrained`, `encode`, `decode`, `load_vocoder` and `vocode`.

Without FlashAttention, upstream's attention drops out while it is not trained, too; not here, as in the adapter.
"""

from pathlib import Path

import codec_bench_support as support

CODEC = "kanade-25hz"
REPOSITORY = "frothywater/kanade-tokenizer"
BESIDE = ("jsonargparse==4.53.0", "docstring-parser==0.18.0", "typeshed-client==2.15.0", "importlib-resources==7.1.0")
VOCOS = """
feature_extractor:
  class_path: vocos.feature_extractors.MelSpectrogramFeatures
  init_args: {sample_rate: 24000, n_fft: 1024, hop_length: 256, n_mels: 100, padding: center}
backbone:
  class_path: vocos.models.VocosBackbone
  init_args: {input_channels: 100, dim: 512, intermediate_dim: 1536, num_layers: 8}
head:
  class_path: vocos.heads.ISTFTHead
  init_args: {dim: 512, n_fft: 1024, hop_length: 256, padding: center}
"""


def model_of(job, state):
    """Upstream's model, with what torchaudio would fetch."""
    support.add_source(f"{job.sources[REPOSITORY]}/src")
    job.bare("kanade_tokenizer", f"{job.sources[REPOSITORY]}/src/kanade_tokenizer")
    from kanade_tokenizer.model import KanadeModel
    from torchaudio import pipelines

    pipelines.WAVLM_BASE_PLUS._get_state_dict = lambda _: state
    return KanadeModel, f"{job.sources[REPOSITORY]}/config/model/{job.mode}.yaml"


def write(job):
    import torch
    import torchaudio
    from safetensors.torch import save_file
    from vocos import Vocos

    state = torchaudio.models.wavlm_base().state_dict()
    torch.save(state, job.files["wavlm_base_plus.pth"])
    upstream, config = model_of(job, state)
    model = upstream.from_hparams(config)
    save_file(
        {k: v.contiguous() for k, v in model.weights_to_save(include_modules=[]).items()},
        job.files["model.safetensors"],
    )
    Path(job.files["config.yaml"]).write_text(VOCOS)
    torch.save(Vocos.from_hparams(job.files["config.yaml"]).state_dict(), job.files["pytorch_model.bin"])


def call(job, samples):
    import soundfile
    import torch
    from vocos import pretrained

    upstream, config = model_of(job, torch.load(job.files["wavlm_base_plus.pth"]))
    from kanade_tokenizer.util import load_audio, load_vocoder, vocode

    pretrained.hf_hub_download = lambda repo_id, filename, **_: job.files[filename]
    model = upstream.from_pretrained(config_path=config, weights_path=job.files["model.safetensors"]).eval()
    for module in model.modules():
        if isinstance(getattr(module, "dropout", None), float):
            module.dropout = 0.0
    soundfile.write(f"{job.folder}/recording.wav", samples, 24_000, subtype="FLOAT")
    features = model.encode(load_audio(f"{job.folder}/recording.wav"))
    mel = model.decode(
        content_token_indices=features.content_token_indices,
        global_embedding=features.global_embedding,
        target_audio_length=len(samples),
    )
    return (
        [features.content_token_indices],
        {"voice": features.global_embedding},
        vocode(load_vocoder("vocos"), mel[None]),
    )
