"""Qwen3-TTS-Tokenizer at 12.5 Hz (Qwen team, 2026): Mimi's encoder with 16 codebooks, and a decoder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


class Qwen3TtsTokenizer12(IsolatedCodec):
    """The published checkpoint: 16 codebooks of 2048 entries at 12.5 Hz, 2.2 kbit/s.

    The decoder refuses any other number of codebooks. Encoder and decoder are causal; upstream's code has no way to run
    the encoder frame by frame.

    Source:
        https://arxiv.org/abs/2601.15621, https://github.com/QwenLM/Qwen3-TTS
    """

    name = "qwen3-tts-tokenizer-12hz"
    any_prefix: ClassVar[bool] = False
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
    )
    worker = Path(__file__).with_name("worker.py")

    spec = CodecSpec(
        title="Qwen3-TTS-Tokenizer, 12.5 Hz",
        group=Group.SEMANTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(Codebook(2048, hop=1920),) * 16,
        causal=True,
        streaming=False,
        licence="Apache-2.0",
        weights_licence="not stated",
        source="https://github.com/QwenLM/Qwen3-TTS",
        weights=hugging_face("Qwen/Qwen3-TTS-Tokenizer-12Hz", "config.json", "model.safetensors"),
        min_samples=1920,
    )
