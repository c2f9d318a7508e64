"""Spine, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


class Spine(IsolatedCodec):
    """Spine 0.1.0 (2026), 24 kHz: finite scalar quantizers at 5.9, 11.7, 23.4 and 46.9 Hz, coarse first, 1.57 kbit/s.

    Any number of the slower ones can be decoded alone, which its author does not train for. Its decoder adds noise,
    which is seeded. Recordings get whole frames of the slowest, 0.17 s. The wheel asks for Python 3.12; the source that
    is used here does without.

    Source:
        https://github.com/twangodev/spine-codec
    """

    name = "spine"
    prefixes = (1, 2, 3, 4)
    environment = Environment(
        "spine",
        without_dependencies=("einops>=0.8", "einx==0.3.0", "frozendict>=2", "vector-quantize-pytorch==1.17.8"),
        sources=(
            Source(
                "twangodev/spine-codec",
                "b800cce9692e6f79726e5d7008bb9dea43e43a7b",
                paths=("spine",),
                tree="3e9e0c2bf20a5167a8dc5b384d94757ab265806b97e24715369168731e95c1e8",
            ),
        ),
        inherits=True,
        borrowed=("safetensors>=0.4",),
    )
    worker = Path(__file__).with_name("worker.py")

    spec = neural(
        title="Spine",
        group=Group.ACOUSTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(
            Codebook(5**4, hop=4096),
            Codebook(8 * 5**4, hop=2048),
            Codebook(8 * 6 * 5**6, hop=1024),
            Codebook(8 * 6 * 5**6, hop=512),
        ),
        parameters=115_280_950,
        licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source="https://github.com/twangodev/spine-codec",
        weights=hugging_face("twangodev/spine-codec", "config.json", "model.safetensors"),
    )
