"""Qwen3-TTS-Tokenizer, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


class Qwen3TtsTokenizer12(IsolatedCodec):
    """Qwen3-TTS-Tokenizer at 12.5 Hz (Qwen team, 2026): Mimi's encoder with 16 codebooks, and a decoder of its own.

    The codebooks have 2048 entries each, 2.2 kbit/s.

    The decoder refuses any other number of codebooks. Encoder and decoder are causal; upstream's code has no way to run
    the encoder frame by frame.

    Source:
        https://arxiv.org/abs/2601.15621, https://github.com/QwenLM/Qwen3-TTS
    """

    name = "qwen3-tts-tokenizer-12hz"
    any_prefix = False
    environment = Environment(
        "qwen3-tts",
        requirements=("transformers==4.57.3",),
        sources=(
            Source(
                "QwenLM/Qwen3-TTS",
                "022e286b98fbec7e1e916cb940cdf532cd9f488e",
                # Without the files above this folder, which import speech synthesis.
                paths=("qwen_tts/core/tokenizer_12hz",),
                tree="7f407fef829bc1ee70a02f47438ea1088ea264f206a0019d9ba0e612786955ed",
            ),
        ),
        inherits=True,
        size=175_000_000,
    )
    worker = Path(__file__).with_name("worker.py")

    spec = neural(
        title="Qwen3-TTS-Tokenizer, 12.5 Hz",
        group=Group.SEMANTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(Codebook(2048, hop=1920),) * 16,
        causal=True,
        licence="Apache-2.0",
        source="https://github.com/QwenLM/Qwen3-TTS",
        weights=hugging_face("Qwen/Qwen3-TTS-Tokenizer-12Hz", "config.json", "model.safetensors"),
        min_samples=1920,
    )
