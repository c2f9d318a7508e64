"""BiCodec of Spark-TTS (Wang et al., 2025): one semantic codebook, and 32 tokens for the voice sent once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from typing_extensions import override

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook

GLOBAL_BITS = 12
"""Bits of one of the tokens that describe the voice: six dimensions of four levels."""


class BiCodec(IsolatedCodec):
    """The published checkpoint: 50 tokens/s, 0.65 kbit/s, and 384 bits per recording.

    The voice is taken from the first six seconds. As upstream does, a recording is brought to one loudness before it
    is encoded, which is not undone.

    Source:
        https://arxiv.org/abs/2503.01710, https://github.com/SparkAudio/Spark-TTS
    """

    name = "bicodec"
    environment = Environment(
        "bicodec",
        requirements=("einops>=0.8", "einx==0.3.0", "soxr>=0.5"),
        sources=(
            Source(
                "SparkAudio/Spark-TTS",
                "2f1ea9082400547242641f5271b6f941c9f439d1",
                paths=("sparktts/models/bicodec.py", "sparktts/modules", "sparktts/utils"),
                tree="1b66fc6ca1c5e598082f11c48934f0c6af448ae3bbb0eef3f361a535e12ed33b",
            ),
        ),
        inherits=True,
    )
    worker = Path(__file__).with_name("worker.py")

    spec = CodecSpec(
        title="BiCodec (Spark-TTS)",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(8192, hop=320),),
        causal=False,
        streaming=False,
        licence="Apache-2.0",
        weights_licence="CC-BY-NC-SA-4.0",
        source="https://github.com/SparkAudio/Spark-TTS",
        weights=hugging_face(
            "SparkAudio/Spark-TTS-0.5B",
            "config.yaml",
            "BiCodec/config.yaml",
            "BiCodec/model.safetensors",
            "wav2vec2-large-xlsr-53/config.json",
            "wav2vec2-large-xlsr-53/preprocessor_config.json",
            "wav2vec2-large-xlsr-53/pytorch_model.bin",
        ),
    )

    @override
    def _side_bits(self, side: Mapping[str, NDArray[Any]]) -> int:
        return sum(array.size for array in side.values()) * GLOBAL_BITS
