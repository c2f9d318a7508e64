"""FlexiCodec: frames that are alike to SenseVoice merged into groups, which are sent with their lengths."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import types
from pathlib import Path

import codec_bench_support as support

MEL_FRAMES = 7 * 80
"""What SenseVoice gets at a time: 7 frames of 80 bands."""


class Model(support.TorchModel):
    """Upstream's call at a threshold; at 1 nothing is merged, and no durations are sent."""

    def __init__(self, network, fbank, encode, device, threshold):
        super().__init__(network, device)
        self.parts = {"model": network, "feature_extractor": fbank, "type": "sensevoice"}
        self.upstream, self.threshold = encode, threshold

    def codes(self, audio):
        merges = self.threshold < 1
        # A similarity may be rounded to more than 1, and frames merged at upstream's threshold of 1 for it.
        found = self.upstream(audio[None], self.parts, 16_000, 24, self.threshold if merges else 2.0)
        durations = [found["token_lengths"][0] - 1] if merges else []
        return [found["semantic_codes"][0, 0], *durations, *found["acoustic_codes"][0]]

    def samples(self, codes):
        semantic, acoustic, lengths = self.split(codes)
        return self.model.decode_from_codes(semantic, acoustic, lengths)[0, 0]

    def vectors(self, codes):
        semantic, acoustic, lengths = self.split(codes)
        found = {"semantic": self.model.get_semantic_feature(semantic)}
        if acoustic is not None:
            found["acoustic"] = self.model.dac.quantizer.from_codes(acoustic)[0]
        return {name: vectors[0].T.repeat_interleave(lengths[0], 0) for name, vectors in found.items()}

    def split(self, codes):
        """Semantic codes, acoustic ones or None, and frames of each group, as upstream's class takes them."""
        import torch

        semantic, rest = codes[0], list(codes[1:])
        lengths = rest.pop(0) + 1 if self.threshold < 1 else torch.ones_like(semantic)
        return semantic[None, None], torch.stack(rest)[None] if rest else None, lengths[None]


def load(job):
    """The mode is a threshold."""
    os.environ["NO_TORCH_COMPILE"] = "1"
    import torch
    import yaml

    # FunASR imports all of its models with its package; here it is a front end, and a table that classes are put into.
    (folder,) = importlib.util.find_spec("funasr").submodule_search_locations
    package = types.ModuleType("funasr")
    package.__path__ = [folder]
    sys.modules["funasr"] = package
    support.stub("librosa", "audiotools")
    support.stub("audiotools.ml", BaseModel=torch.nn.Module)
    support.stub(
        *(f"funasr.{name}" for name in ("losses", "metrics", "models", "train_utils", "utils.datadir_writer")),
        *("funasr.utils.load_utils", "funasr.frontends.eend_ola_feature"),
    )
    package.AutoModel = None
    importlib.import_module("funasr.frontends.wav_frontend")  # which the front end takes for imported
    import flexicodec.modeling_flexicodec as upstream
    from flexicodec.customized_sensevoice.model import SenseVoiceSmall
    from flexicodec.feature_extractors import FBankGen
    from flexicodec.infer import encode_flexicodec
    from safetensors.torch import load_file

    def read(name):
        return yaml.safe_load(Path(job.files[name]).read_text(encoding="utf-8"))

    config = read("config.yaml")
    encoder = SenseVoiceSmall(
        encoder=config["encoder"], encoder_conf=config["encoder_conf"], input_size=MEL_FRAMES, vocab_size=1
    )
    state = support.load_state(job.files["model.pt"])
    check(encoder.load_state_dict(state.get("state_dict", state), strict=False), "model.pt")
    upstream.AutoModel = lambda **_: types.SimpleNamespace(model=encoder)
    network = upstream.FlexiCodec(**read("12hz_v1_half_config.yaml")["model"])
    # The checkpoint may have SenseVoice, which upstream does not train, or leave it out.
    checkpoint = "12hz_v1_half.safetensors"
    check(network.load_state_dict(load_file(job.files[checkpoint]), strict=False), checkpoint, SENSEVOICE)
    return Model(network.to(job.device).eval(), FBankGen(16_000), encode_flexicodec, job.device, float(job.mode))


SENSEVOICE = ("semantic_model.", "semantic_mean", "semantic_std")
"""SenseVoice in FlexiCodec, and how its output is scaled; not its codebook, which begins in the same way."""


def check(found, name, besides=()):
    """Raises where a network has weights that its file lacks; what the file has besides is of training."""
    if missing := [key for key in found.missing_keys if not key.startswith(besides)]:
        raise ValueError(f"{name} has no {missing[0]}, and lacks {len(missing)} of the network's tensors")
