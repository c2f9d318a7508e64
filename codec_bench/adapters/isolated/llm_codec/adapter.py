"""LLM-Codec, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


class LlmCodec(IsolatedCodec):
    """LLM-Codec of UniAudio 1.5 (Yang et al., NeurIPS 2024): speech as words of LLaMA 2 at three time scales.

    These are 3248 words at 8.3 Hz, then LLaMA 2's 32,000 tokens at 16.7 and at 33.3 Hz.

    The codebooks are embeddings of LLaMA 2, under Meta's licence and behind its form. Upstream's code reads them from
    files of their own, and then replaces them by those of the checkpoint, which has all three; so the checkpoint is all
    that is needed here.

    Source:
        https://arxiv.org/abs/2406.10056, https://github.com/yangdongchao/LLM-Codec
    """

    name = "llm-codec"
    any_prefix = False
    environment = Environment(
        "llm-codec",
        requirements=("einops>=0.6",),
        sources=(
            Source(
                "yangdongchao/LLM-Codec",
                "b1629288a64c7b1f7776858625b37e6409ac41fa",
                paths=("codec/__init__.py", "codec/attention.py", "codec/layers.py", "codec/vq.py", "config.yaml"),
                tree="df79814d4c7a8224d308a0c4b2a3f6b38d07a0c267bf9a74239a0a335cbad21f",
            ),
        ),
        inherits=True,
    )
    worker = Path(__file__).with_name("worker.py")

    spec = neural(
        title="LLM-Codec (UniAudio 1.5)",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(3248, hop=1920), Codebook(32_000, hop=960), Codebook(32_000, hop=480)),
        parameters=46_090_000,  # besides the 275 million of the fixed embeddings
        licence="not stated",
        source="https://github.com/yangdongchao/LLM-Codec",
        weights=hugging_face("Dongchao/2024", "semantic_acoustic.pth"),
        padding=16_000,  # to whole windows of its attention
    )
