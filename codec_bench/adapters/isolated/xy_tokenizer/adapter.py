"""XY-Tokenizer, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


class XyTokenizer(IsolatedCodec):
    """XY-Tokenizer (Gong et al., 2025): eight codebooks at 12.5 Hz, of semantics and acoustics together, 1 kbit/s.

    Upstream always decodes all of them.

    Each 30 s are padded and coded at once, with 20 s of it kept, as upstream does by default: a short recording takes
    as long as one of 30 s.

    Source:
        https://arxiv.org/abs/2506.23325, https://github.com/gyt1145028706/XY-Tokenizer
    """

    name = "xy-tokenizer"
    any_prefix = False
    environment = Environment(
        "xy-tokenizer",
        requirements=("einops>=0.6", "transformers>=5.23,<6"),
        sources=(
            Source(
                "gyt1145028706/XY-Tokenizer",
                "5df5609c5883e555bd39a2d0b1005ca8f1a8f12e",
                paths=("config", "xy_tokenizer"),
                tree="af9ae710f1916d0c695b5564baa37804c5e8ee99f371c30800dcbba07d4efe3e",
            ),
        ),
        inherits=True,
        size=175_000_000,
    )
    worker = Path(__file__).with_name("worker.py")
    call_timeout = 1800.0  # two minutes for 2 s on two cores
    packages = ("torch", "transformers")

    spec = neural(
        title="XY-Tokenizer",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(1024, hop=1280),) * 8,
        parameters=519_620_000,
        licence="Apache-2.0",
        source="https://github.com/gyt1145028706/XY-Tokenizer",
        weights=hugging_face("fdugyt/XY_Tokenizer", "xy_tokenizer.ckpt"),
    )
