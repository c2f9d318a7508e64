"""PAST, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


def _past(title: str, checkpoint: str, causal: bool | None) -> CodecSpec:
    return neural(
        title=title,
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(1024, hop=320),) * 8,
        causal=causal,
        licence="MIT",
        source="https://github.com/slp-rl/PAST",
        weights=hugging_face("slprl/PAST", checkpoint),
        min_samples=320,
    )


class Past(IsolatedCodec):
    """A checkpoint of PAST (Har-Tuv et al., Interspeech 2025): residual codebooks, the first trained to tell phones.

    16 kHz, 8 codebooks of 1024 entries at 50 Hz, 4 kbit/s.

    Rates and codebooks are those of the configuration that upstream publishes. Each checkpoint has its own, which says
    what is built; one with others is refused.

    The streamable one is said to look 20 ms ahead. Upstream's code runs it on whole recordings, and the causal mask
    that it makes for its transformer is one for cross-attention, which has no effect; so it is not called causal or
    streaming here.

    Source:
        https://arxiv.org/abs/2505.14470, https://github.com/slp-rl/PAST
    """

    environment = Environment(
        "past",
        requirements=("einops>=0.6", "omegaconf==2.3.0"),
        sources=(
            Source(
                "slp-rl/PAST",
                "23ae53bc933fa8a3beabb7e9ee2cb7fe0c6cbcfa",
                paths=(
                    "past/models/past_model.py",
                    "past/modules/embedding_transformer.py",
                    "past/modules/lstm.py",
                    "past/modules/seanet.py",
                    "past/quantization",
                ),
                tree="7b26a89ee5e9062764ccdb43a17ce9063c6e36a3d012a9147c148400a83bd82e",
            ),
            Source(
                "facebookresearch/audiocraft",
                "72cb16f9fb239e9cf03f7bd997198c7d7a67a01c",  # 1.3.0
                paths=("audiocraft/models/encodec.py", "audiocraft/modules/conv.py", "audiocraft/quantization"),
                tree="7867045d66178424bc8b6e3c12bc6cb192fa59b7708ecc6fdafb340281d53cbc",
            ),
        ),
        inherits=True,
        borrowed=("transformers>=4.50,<6",),
        size=175_000_000,
    )
    worker = Path(__file__).with_name("worker.py")


PAST = Past.checkpoints(
    {
        "past": _past("PAST", "PAST.th", causal=False),
        "past-streamable": _past("PAST, streamable", "PAST_streamable.th", causal=None),
    }
)
