"""FACodec of NaturalSpeech 3 (Ju et al., 2024): speech split into prosody, content, detail and a speaker vector."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


class FaCodec(IsolatedCodec):
    """The published checkpoint: six codebooks of 1024 entries at 80 Hz, 4.8 kbit/s; without the three of detail 2.4.

    The speaker vector, 256 floats per utterance, is side information: it is counted in the payload of each utterance
    and not in the bitrate, as in the papers.

    Source:
        https://arxiv.org/abs/2403.03100, https://github.com/lifeiteng/naturalspeech3_facodec
    """

    name = "facodec"
    prefixes: ClassVar[tuple[int, ...]] = (3, 6)
    any_prefix: ClassVar[bool] = False
    environment = Environment(
        "facodec",
        without_dependencies=("einops>=0.6",),
        sources=(
            Source(
                "lifeiteng/naturalspeech3_facodec", "aac16b7268b1b96e70b9e3526b13e216984e80d0", paths=("ns3_codec",)
            ),
        ),
        inherits=True,
    )
    worker = Path(__file__).with_name("worker.py")

    spec = CodecSpec(
        title="FACodec (NaturalSpeech 3)",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(1024, hop=200),) * 6,
        parameters=102_330_000,
        causal=False,
        streaming=False,
        licence="MIT",
        weights_licence="not stated",
        source="https://github.com/lifeiteng/naturalspeech3_facodec",
        weights=hugging_face("amphion/naturalspeech3_facodec", "ns3_facodec_encoder.bin", "ns3_facodec_decoder.bin"),
    )
