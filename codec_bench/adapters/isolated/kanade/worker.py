"""Kanade: WavLM features to one codebook and a vector of the voice, these to a mel spectrogram, and a vocoder."""

from __future__ import annotations

from pathlib import Path

import codec_bench_support as support
import numpy as np

REPOSITORY = "frothywater/kanade-tokenizer"
WAVLM = "wavlm_base_plus.pth"
NOT_PUBLISHED = ("ssl_feature_extractor.", "feature_decoder.", "conv_upsample.")
"""Modules that upstream leaves out of its checkpoints: WavLM has its own, the others are for training."""


class Model:
    """Upstream's model and the vocoder of its checkpoint."""

    def __init__(self, model, vocoder, hop, device):
        self.model, self.vocoder = model, vocoder
        self.hop, self.device = hop, device

    def encode(self, samples):
        """Codes of float32 `[n]` at 24 kHz, one for each frame that is begun, and the vector of the voice."""
        import torch

        audio = samples / (np.abs(samples).max() + np.float32(1e-8))
        audio = np.pad(audio, (0, -len(audio) % self.hop))
        features = self.model.encode(torch.from_numpy(audio).to(self.device))
        codes = features.content_token_indices.cpu().numpy().astype(np.int64)
        return [codes], {"voice": features.global_embedding.float().cpu().numpy()}

    def decode(self, codes, side):
        """Samples at 24 kHz."""
        import torch

        mel = self.model.decode(
            torch.from_numpy(side["voice"]).to(self.device),
            content_token_indices=torch.from_numpy(codes[0]).to(self.device),
            target_audio_length=len(codes[0]) * self.hop,
        )
        with torch.inference_mode():
            return self.vocoder(mel[None].float()).flatten().cpu().numpy()

    def latents(self, codes, side):
        """Codebook vectors."""
        import torch

        with torch.inference_mode():
            vectors = self.model.decode_token_indices(torch.from_numpy(codes[0]).to(self.device))
        return {"quantized": vectors.float().cpu().numpy()}


def load(job):
    """Builds the model from upstream's configuration of that name."""
    source = Path(job.sources[REPOSITORY])
    support.add_source(str(source / "src"))
    support.stub("jsonargparse")  # would build what a configuration names
    import yaml
    from kanade_tokenizer import model as upstream
    from safetensors.torch import load_file
    from torchaudio import pipelines

    with (source / "config" / "model" / f"{job.mode}.yaml").open(encoding="utf-8") as file:
        config = yaml.safe_load(file)["model"]["init_args"]
    wavlm = support.load_state(job.files[WAVLM])
    # Upstream has torchaudio fetch these tensors.
    pipelines.WAVLM_BASE_PLUS._get_state_dict = lambda _: wavlm
    settings = upstream.KanadeModelConfig(**config.pop("config"))
    parts = {
        # Each class is one that the module itself imports.
        name: getattr(upstream, part["class_path"].rpartition(".")[2])(**part["init_args"])
        for name, part in config.items()
    }
    model = upstream.KanadeModel(config=settings, **parts)
    (checkpoint,) = (path for name, path in job.files.items() if name.endswith("model.safetensors"))
    found = model.load_state_dict(load_file(checkpoint), strict=False)
    wanted = {name for name, _ in model.named_parameters() if not name.startswith(NOT_PUBLISHED)}
    missing = sorted(wanted.intersection(found.missing_keys))
    if missing or found.unexpected_keys:
        raise ValueError(f"the checkpoint has other tensors, e.g. {(missing + found.unexpected_keys)[0]}")
    for module in model.modules():
        if isinstance(getattr(module, "dropout", None), float):
            module.dropout = 0.0  # without FlashAttention, upstream's attention drops out while it is not trained, too
    rate = settings.sample_rate * model.ssl_feature_extractor.hop_size * settings.downsample_factor
    hop = rate // model.ssl_feature_extractor.ssl_sample_rate
    return Model(model.to(job.device).eval(), _vocoder(job, settings.vocoder_name), int(hop), job.device)


def _vocoder(job, name):
    """What makes `[1, n]` of a mel spectrogram `[1, bands, frames]`."""
    if name == "hift":
        from kanade_tokenizer.module.hift import HiFTGenerator

        made = HiFTGenerator()
        state = support.load_state(job.files["hift.pt"])
        made.load_state_dict({key.replace("generator.", ""): value for key, value in state.items()})
        return made.to(job.device).eval().inference
    import torch
    import yaml
    from vocos.heads import ISTFTHead
    from vocos.models import VocosBackbone

    folder = Path(job.folder("charactr/vocos-mel-24khz"))
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    parts = {
        "backbone": VocosBackbone(**config["backbone"]["init_args"]),
        "head": ISTFTHead(**config["head"]["init_args"]),
    }
    state = support.load_state(str(folder / "pytorch_model.bin"))
    for part, made in parts.items():
        made.load_state_dict({k[len(part) + 1 :]: v for k, v in state.items() if k.startswith(f"{part}.")})
    return torch.nn.Sequential(*parts.values()).to(job.device).eval()
