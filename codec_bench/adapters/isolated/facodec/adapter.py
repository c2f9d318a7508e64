"""FACodec, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


class FaCodec(IsolatedCodec):
    """FACodec of NaturalSpeech 3 (Ju et al., 2024): speech split into prosody, content, detail and a speaker vector.

    Six codebooks of 1024 entries at 80 Hz, 4.8 kbit/s; without the three of detail 2.4.

    The speaker vector, 256 floats per utterance, is side information: it is counted in the payload of each utterance
    and not in the bitrate, as in the papers.

    Source:
        https://arxiv.org/abs/2403.03100, https://github.com/lifeiteng/naturalspeech3_facodec
    """

    name = "facodec"
    prefixes = (3, 6)
    any_prefix = False
    environment = Environment(
        "facodec",
        without_dependencies=("einops>=0.6",),
        sources=(
            Source(
                "lifeiteng/naturalspeech3_facodec",
                "aac16b7268b1b96e70b9e3526b13e216984e80d0",
                paths=("ns3_codec",),
                tree="f12d053991f2a5a7eb3c4ca9906c4e25850f78248132e881d9ab2658eb59d0cc",
            ),
        ),
        inherits=True,
        borrowed=("torchaudio",),
    )
    worker = Path(__file__).with_name("worker.py")

    spec = neural(
        title="FACodec (NaturalSpeech 3)",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(1024, hop=200),) * 6,
        parameters=102_330_000,
        licence="MIT",
        source="https://github.com/lifeiteng/naturalspeech3_facodec",
        weights=hugging_face("amphion/naturalspeech3_facodec", "ns3_facodec_encoder.bin", "ns3_facodec_decoder.bin"),
    )
