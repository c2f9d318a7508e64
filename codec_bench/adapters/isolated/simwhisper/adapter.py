"""SimWhisper-Codec, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


class SimWhisper(IsolatedCodec):
    """SimWhisper-Codec (Zhang et al., 2025), 16 kHz: a simplified Whisper encoder, kept frozen, and eight quantizers.

    Finite scalar quantizers of 2016 values side by side at 12.5 Hz, all of which are needed: 1.1 kbit/s. As
    XY-Tokenizer, whose code it has, it codes each 30 s at once and keeps 20 s of it; recordings get whole frames here,
    where upstream drops the end that does not fill one.

    Source:
        https://github.com/ZhangXinWhut/SimWhisper-Codec
    """

    name = "simwhisper-codec"
    any_prefix = False
    environment = Environment(
        "simwhisper-codec",
        requirements=("einops>=0.6", "transformers>=5.23,<6"),
        sources=(
            Source(
                "ZhangXinWhut/SimWhisper-Codec",
                "25b4acb34e731e19117283fa4fbf4ecde240baed",
                paths=("audiocodec", "config/SimWhisperCodec.yaml"),
                tree="05acaf66663c3c360d82ff5365464cf62ccfbafba9dc2b81620274d17adcca7c",
            ),
        ),
        inherits=True,
        size=175_000_000,
    )
    worker = Path(__file__).with_name("worker.py")
    call_timeout = 1800.0
    packages = ("torch", "transformers")

    spec = neural(
        title="SimWhisper-Codec",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(8 * 7 * 6 * 6, hop=1280),) * 8,
        licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source="https://github.com/ZhangXinWhut/SimWhisper-Codec",
        weights=hugging_face("ZhangXinWhut/SimWhisper_Codec", "SimWhisperCodec.pt"),
    )
