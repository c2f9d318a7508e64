"""Spine: four finite scalar quantizers at four rates between convolutions with a Transformer."""

from __future__ import annotations

import json
from pathlib import Path

import codec_bench_support as support


class Model(support.TorchModel):
    """Upstream's model."""

    def codes(self, audio):
        return [book[0] for book in self.model.encode(audio[None, None])]

    def samples(self, codes):
        # The slower scales alone last as long as all of them.
        return self.model.decode([book[None] for book in codes])[0, 0]

    def vectors(self, codes):
        return {"quantized": self.model.quantizer.from_codes([book[None] for book in codes])[0].T}


def load(job):
    """The configuration says what to build."""
    support.add_source(job.sources["twangodev/spine-codec"])
    from safetensors.torch import load_file
    from spine.config import model_config_from_dict
    from spine.model import Spine

    model = Spine(model_config_from_dict(json.loads(Path(job.files["config.json"]).read_text(encoding="utf-8"))))
    model.load_state_dict(load_file(job.files["model.safetensors"]))
    return Model(model.to(job.device).eval(), job.device)
