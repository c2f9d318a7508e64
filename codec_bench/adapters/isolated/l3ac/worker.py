"""L3AC and SQ-Codec: one finite scalar quantizer between convolutions and local attention."""

from __future__ import annotations

import importlib

import codec_bench_support as support
import tomllib

CODECS = {"l3ac": "L3AC", "sq_codec": "SQCodec"}
"""The class of each package that codes with a network."""


class Model(support.TorchModel):
    """The package's class, around its network."""

    def codes(self, audio):
        _, indices = self.model.encode_audio(audio[None])
        return [(indices["indices"] if isinstance(indices, dict) else indices)[0]]

    def samples(self, codes):
        return self.model.decode_audio(indices=codes[0][None])[0]

    def vectors(self, codes):
        return {"quantized": self.model.network.quantizer.to_features(codes[0][None])[0]}


def load(job):
    """The network that a configuration of the package describes, from one file for each of its parts."""
    name, configuration = job.mode.split()
    package = importlib.import_module(name)
    settings = importlib.import_module(f"{name}.en_codec").ModelConfig
    # The package's own reader of configurations would look at environment variables, too.
    config = tomllib.loads((package.CONFIG_DIR / f"{configuration}.toml").read_text(encoding="utf-8"))
    network = package.EnCodec(settings(**config["network_config"]))
    files = {path.rsplit("/", 1)[-1]: file for path, file in job.files.items()}
    for part, module in network.trainable_modules.items():
        module.load_state_dict(support.load_state(files[f"{part}.pt"]))
    codec = object.__new__(getattr(package, CODECS[name]))  # without its constructor, which builds another network
    codec.network = network.to(job.device).eval()
    return Model(codec, job.device)
