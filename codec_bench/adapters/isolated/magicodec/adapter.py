"""MagiCodec, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


class MagiCodec(IsolatedCodec):
    """MagiCodec (Song et al., 2025), 16 kHz: a codebook of 131,072 entries at 50 Hz between two causal transformers.

    Upstream needs FlashAttention 2.3.6 and three more CUDA extensions, built from source for torch 2.5. Here the worker
    does what these compute (windowed attention, rotation, RMS norm) with torch; so it runs on a CPU too, in float32. On
    a GPU it takes bfloat16, as upstream does.

    Source:
        https://arxiv.org/abs/2506.00385, https://github.com/Ereboas/MagiCodec
    """

    name = "magicodec"
    environment = Environment(
        "magicodec",
        requirements=("einops>=0.6", "transformers>=5.23,<6"),
        sources=(
            Source(
                "Ereboas/MagiCodec",
                "5bd431abdd455bd31ffd2ad78d2e9b15cdfeb235",
                paths=("codec", "components", "roformer.py"),
                tree="ff3fb2106d453de3bf8ab649f0472f3485b7ece8b1687fb61101280ffecf811f",
            ),
        ),
        inherits=True,
        size=175_000_000,
    )
    worker = Path(__file__).with_name("worker.py")
    packages = ("torch", "transformers")

    spec = neural(
        title="MagiCodec, 50 Hz",
        group=Group.ACOUSTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(131_072, hop=320),),
        parameters=209_700_000,
        causal=True,  # but for 40 ms that the decoder looks ahead
        streaming=True,
        licence="MIT",
        source="https://github.com/Ereboas/MagiCodec",
        weights=hugging_face("Ereboas/MagiCodec_16k_50hz", "MagiCodec-50Hz-Base.ckpt"),
    )
