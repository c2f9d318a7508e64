"""BigCodec, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


class BigCodec(IsolatedCodec):
    """BigCodec (Xin et al., 2024), 16 kHz: one codebook of 8192 entries at 80 tokens/s, 1.04 kbit/s.

    Upstream pads every recording by one to 200 samples, a whole frame where its length is a multiple of 200; so does
    this adapter, since the last frames of a network with an LSTM depend on it.

    Source:
        https://arxiv.org/abs/2409.05377, https://github.com/Aria-K-Alethia/BigCodec
    """

    name = "bigcodec"
    environment = Environment(
        "bigcodec",
        without_dependencies=("einops>=0.6",),
        sources=(
            Source(
                "Aria-K-Alethia/BigCodec",
                "09845ab1f5bc7a3d1589c16de820ef15bc2afefe",
                paths=("vq",),
                tree="718b105c3d66c33d9cc44ed019090f6bc5ca6e540dac040b8eddd56808797dc7",
            ),
        ),
        inherits=True,
    )
    worker = Path(__file__).with_name("worker.py")

    spec = neural(
        title="BigCodec",
        group=Group.ACOUSTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(8192, hop=200),),
        parameters=159_440_000,
        licence="MIT",
        source="https://github.com/Aria-K-Alethia/BigCodec",
        weights=hugging_face("Alethia/BigCodec", "bigcodec.pt"),
    )
