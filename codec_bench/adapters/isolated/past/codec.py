"""PAST (Har-Tuv et al., Interspeech 2025): residual codebooks whose first one was trained to tell phones."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


def _spec(title: str, checkpoint: str, causal: bool | None) -> CodecSpec:
    return CodecSpec(
        title=title,
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(1024, hop=320),) * 8,
        causal=causal,
        streaming=False,
        licence="MIT",
        weights_licence="not stated",
        source="https://github.com/slp-rl/PAST",
        weights=hugging_face("slprl/PAST", checkpoint),
        min_samples=320,
    )


class Past(IsolatedCodec):
    """A checkpoint of PAST, 16 kHz: 8 codebooks of 1024 entries at 50 Hz, 4 kbit/s.

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
    )
    worker = Path(__file__).with_name("worker.py")


CODECS = Past.checkpoints(
    {
        "past": _spec("PAST", "PAST.th", causal=False),
        "past-streamable": _spec("PAST, streamable", "PAST_streamable.th", causal=None),
    }
)
