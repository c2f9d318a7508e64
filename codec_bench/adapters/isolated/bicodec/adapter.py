"""BiCodec, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


class BiCodec(IsolatedCodec):
    """BiCodec of Spark-TTS (Wang et al., 2025): one semantic codebook, and 32 tokens for the voice sent once.

    50 tokens/s, 0.65 kbit/s, and 384 bits per recording: a token of the voice has six dimensions of four levels.

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
        borrowed=("safetensors>=0.4", "torchaudio", "tqdm>=4.60", "transformers>=4.50,<6"),
        size=175_000_000,
    )
    worker = Path(__file__).with_name("worker.py")

    spec = neural(
        title="BiCodec (Spark-TTS)",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(8192, hop=320),),
        semantic_codebooks=(0,),
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
    side_value_bits = 12
