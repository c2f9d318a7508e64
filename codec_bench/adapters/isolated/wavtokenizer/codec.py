"""WavTokenizer (Ji et al., ICLR 2025): one codebook of 4096 entries at 40 or 75 tokens per second."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source
from codec_bench.hub import RemoteFile
from codec_bench.tokens import Codebook

ENVIRONMENT = Environment(
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


class WavTokenizer(IsolatedCodec):
    """A checkpoint of WavTokenizer, 24 kHz.

    The medium and large checkpoints are built with the published configuration of the small one of the same rate; one
    of another architecture is refused when its tensors are loaded.

    Class attributes:
        frame_rate: Tokens per second.
        repository: On Hugging Face.
        checkpoint: File there.
        parameters: Trained parameters, where counted.

    Source:
        https://arxiv.org/abs/2408.16532, https://github.com/jishengpeng/WavTokenizer
    """

    environment = ENVIRONMENT
    worker = Path(__file__).with_name("worker.py")

    title: ClassVar[str]
    frame_rate: ClassVar[int]
    repository: ClassVar[str] = "novateur/WavTokenizer"
    checkpoint: ClassVar[str]
    parameters: ClassVar[int | None] = None

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        """It has no settings.

        Raises:
            UsageError: `mode` is not None.
        """
        if mode is not None:
            raise cls.no_such_mode(mode)
        return CodecSpec(
            title=cls.title,
            group=Group.ACOUSTIC,
            input_rate=24_000,
            output_rate=24_000,
            codebooks=(Codebook(4096, hop=24_000 // cls.frame_rate),),
            parameters=cls.parameters,
            causal=False,
            streaming=False,
            licence="MIT",
            weights_licence="not stated",
            source="https://github.com/jishengpeng/WavTokenizer",
            weights=(RemoteFile(f"hf/{cls.repository}/{cls.checkpoint}"),),
            min_samples=24_000 // cls.frame_rate,
        )

    def _worker_mode(self) -> str | None:
        """The frame rate, by which upstream names its configurations."""
        return str(self.frame_rate)


class Small40(WavTokenizer):
    """Trained on LibriTTS, 40 tokens/s, 0.48 kbit/s."""

    name = "wavtokenizer-small-40"
    title = "WavTokenizer small, 40 tokens/s"
    frame_rate = 40
    checkpoint = "WavTokenizer_small_600_24k_4096.ckpt"
    parameters = 80_910_000


class Small75(WavTokenizer):
    """Trained on LibriTTS, 75 tokens/s, 0.9 kbit/s."""

    name = "wavtokenizer-small-75"
    title = "WavTokenizer small, 75 tokens/s"
    frame_rate = 75
    checkpoint = "WavTokenizer_small_320_24k_4096.ckpt"
    parameters = 80_550_000


class Medium75(WavTokenizer):
    """Trained on 5,000 hours, speech, 75 tokens/s."""

    name = "wavtokenizer-medium-75"
    title = "WavTokenizer medium (speech), 75 tokens/s"
    frame_rate = 75
    repository = "novateur/WavTokenizer-medium-speech-75token"
    checkpoint = "wavtokenizer_medium_speech_320_24k_v2.ckpt"


class Large40(WavTokenizer):
    """Trained on 80,000 hours of speech, music and sounds, 40 tokens/s."""

    name = "wavtokenizer-large-40"
    title = "WavTokenizer large (unify), 40 tokens/s"
    frame_rate = 40
    repository = "novateur/WavTokenizer-large-unify-40token"
    checkpoint = "wavtokenizer_large_unify_600_24k.ckpt"


class Large75(WavTokenizer):
    """Trained on 80,000 hours, speech, 75 tokens/s."""

    name = "wavtokenizer-large-75"
    title = "WavTokenizer large (speech), 75 tokens/s"
    frame_rate = 75
    repository = "novateur/WavTokenizer-large-speech-75token"
    checkpoint = "wavtokenizer_large_speech_320_v2.ckpt"
