"""BigCodec (Xin et al., 2024): one codebook of 8192 entries at 80 tokens per second, 16 kHz."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


class BigCodec(IsolatedCodec):
    """The published checkpoint, 1.04 kbit/s.

    Upstream pads every recording by one to 200 samples, a whole frame where its length is a multiple of 200; so does
    this adapter, since the last frames of a network with an LSTM depend on it.

    Source:
        https://arxiv.org/abs/2409.05377, https://github.com/Aria-K-Alethia/BigCodec
    """

    name = "bigcodec"
    environment = Environment(
        "bigcodec",
        without_dependencies=("einops>=0.6",),
        sources=(Source("Aria-K-Alethia/BigCodec", "09845ab1f5bc7a3d1589c16de820ef15bc2afefe", paths=("vq",)),),
        inherits=True,
    )
    worker = Path(__file__).with_name("worker.py")

    spec = CodecSpec(
        title="BigCodec",
        group=Group.ACOUSTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(8192, hop=200),),
        parameters=159_440_000,
        causal=False,
        streaming=False,
        licence="MIT",
        weights_licence="not stated",
        source="https://github.com/Aria-K-Alethia/BigCodec",
        weights=hugging_face("Alethia/BigCodec", "bigcodec.pt"),
    )
