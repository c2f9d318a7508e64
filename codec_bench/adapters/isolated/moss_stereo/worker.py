"""MOSS-Audio-Tokenizer v2 and Nano: the networks of the first one on two channels, sample by sample in turn."""

from __future__ import annotations

import importlib
import json
import sys
import types
from pathlib import Path

import codec_bench_support as support

REPOSITORY = "OpenMOSS/MOSS-Audio-Tokenizer"
PACKAGE = "moss_audio_tokenizer"
CHANNELS = 2

RENAMED = {".ffn.0.": ".linear1.", ".ffn.2.": ".linear2."}
"""What newer checkpoints call the layers of the first one; upstream's class knows the other names by itself."""


class Model(support.TorchModel):
    """Upstream's model at twice the rate: both channels are the recording, and the mean of both is what was decoded."""

    def codes(self, audio):
        return list(
            self.model.encode(audio.repeat_interleave(CHANNELS)[None, None], return_dict=True).audio_codes[:, 0]
        )

    def samples(self, codes):
        return self.model.decode(self._stacked(codes), return_dict=True).audio[0, 0].view(-1, CHANNELS).mean(1)

    def vectors(self, codes):
        return {"quantized": self.model.quantizer.decode_codes(self._stacked(codes))[0].T}

    def _stacked(self, codes):
        """`[codebooks, 1, frames]`."""
        import torch

        return torch.stack(codes)[:, None]


def load(job):
    """The classes come from the pinned source of the first model, so that nothing that lies beside weights is run."""
    package = types.ModuleType(PACKAGE)
    package.__path__ = [job.sources[REPOSITORY]]  # its modules import each other from a package
    sys.modules[PACKAGE] = package
    configuration = importlib.import_module(f"{PACKAGE}.configuration_moss_audio_tokenizer")
    modeling = importlib.import_module(f"{PACKAGE}.modeling_moss_audio_tokenizer")
    from safetensors.torch import load_file

    found = json.loads(Path(job.files["config.json"]).read_text(encoding="utf-8"))
    channels, interleaves = found.get("number_channels", 1), found.get("enable_channel_interleave", True)
    if (channels, interleaves) != (CHANNELS, True):
        raise RuntimeError(f"config.json is of another model: {channels} channels, interleaved: {interleaves}")
    rate, hop = found["sampling_rate"], found["downsample_rate"]
    parts = {side: [dict(part) for part in found[f"{side}_kwargs"]] for side in ("encoder", "decoder")}
    usual = found.get("causal_transformer_context_duration", 10.0)
    seconds = {side: [part.pop("context_duration", None) for part in stages] for side, stages in parts.items()}
    shortest = min(
        usual if length is None else length
        for part, length in zip(parts["encoder"], seconds["encoder"])
        if part["module_type"] == "Transformer"
    )
    model = modeling.MossAudioTokenizerModel(
        configuration.MossAudioTokenizerConfig(
            sampling_rate=rate * CHANNELS,
            downsample_rate=hop * CHANNELS,
            encoder_kwargs=parts["encoder"],
            decoder_kwargs=parts["decoder"],
            quantizer_type=found.get("quantizer_type", "rlfq"),
            quantizer_kwargs=found["quantizer_kwargs"],
        )
    )
    _look_back(model, rate * CHANNELS, seconds, shortest)
    state = {}
    for name, path in job.files.items():
        if name.endswith(".safetensors"):
            state.update((_old_name(key), tensor.float()) for key, tensor in load_file(path).items())
    absent = sorted(model.load_state_dict(state, strict=False).missing_keys)
    if absent:
        raise RuntimeError(f"the files lack {len(absent)} tensors, e.g. {absent[0]}")
    return Model(model.to(job.device).eval(), job.device, hop)


def _look_back(model, rate, seconds, usual):
    """How many frames each Transformer looks back: seconds of its own, which the first model does not have."""
    for side, stages in (("encoder", model.encoder), ("decoder", model.decoder)):
        for stage, length in zip(stages, seconds[side]):
            for layer in stage.transformer.layers if hasattr(stage, "transformer") else ():
                layer.self_attn.context = round(rate * (usual if length is None else length))
            rate = rate / stage.downsample_ratio if side == "encoder" else rate * stage.downsample_ratio


def _old_name(key):
    for new, old in RENAMED.items():
        key = key.replace(new, old)
    return key
