"""WavTokenizer (Ji et al., ICLR 2025): one codebook of 4096 entries at 40 or 75 tokens per second."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


def _spec(title: str, hop: int, repository: str, checkpoint: str, parameters: int | None = None) -> CodecSpec:
    """A checkpoint; upstream names its configurations by their frame rate."""
    return CodecSpec(
        title=title,
        group=Group.ACOUSTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(Codebook(4096, hop),),
        parameters=parameters,
        causal=False,
        streaming=False,
        licence="MIT",
        weights_licence="not stated",
        source="https://github.com/jishengpeng/WavTokenizer",
        weights=hugging_face(f"novateur/{repository}", checkpoint),
        min_samples=hop,
        configuration=str(24_000 // hop),
    )


class WavTokenizer(IsolatedCodec):
    """A checkpoint of WavTokenizer, 24 kHz: 0.48 kbit/s at 40 tokens/s, 0.9 at 75.

    The medium and large checkpoints are built with the published configuration of the small one of the same rate; one
    of another architecture is refused when its tensors are loaded.

    Source:
        https://arxiv.org/abs/2408.16532, https://github.com/jishengpeng/WavTokenizer
    """

    environment = Environment(
        "wavtokenizer",
        without_dependencies=("einops>=0.6",),
        sources=(
            Source(
                "jishengpeng/WavTokenizer",
                "5cf440d91ac420ca338f117b7003a77450d64730",
                paths=("configs", "decoder", "encoder"),
            ),
        ),
        inherits=True,
    )
    worker = Path(__file__).with_name("worker.py")


CODECS = WavTokenizer.checkpoints(
    {
        # Trained on LibriTTS.
        "wavtokenizer-small-40": _spec(
            "WavTokenizer small, 40 tokens/s", 600, "WavTokenizer", "WavTokenizer_small_600_24k_4096.ckpt", 80_910_000
        ),
        "wavtokenizer-small-75": _spec(
            "WavTokenizer small, 75 tokens/s", 320, "WavTokenizer", "WavTokenizer_small_320_24k_4096.ckpt", 80_550_000
        ),
        # Trained on 5,000 hours of speech.
        "wavtokenizer-medium-75": _spec(
            "WavTokenizer medium (speech), 75 tokens/s",
            320,
            "WavTokenizer-medium-speech-75token",
            "wavtokenizer_medium_speech_320_24k_v2.ckpt",
        ),
        # Trained on 80,000 hours: of speech, music and sounds, and of speech.
        "wavtokenizer-large-40": _spec(
            "WavTokenizer large (unify), 40 tokens/s",
            600,
            "WavTokenizer-large-unify-40token",
            "wavtokenizer_large_unify_600_24k.ckpt",
        ),
        "wavtokenizer-large-75": _spec(
            "WavTokenizer large (speech), 75 tokens/s",
            320,
            "WavTokenizer-large-speech-75token",
            "wavtokenizer_large_speech_320_v2.ckpt",
        ),
    }
)
