"""FocalCodec (Della Libera et al., NeurIPS 2025): one binary codebook over features of WavLM."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source
from codec_bench.hub import RemoteFile
from codec_bench.tokens import Codebook

ENVIRONMENT = Environment(
    "focalcodec",
    without_dependencies=("safetensors>=0.4",),
    sources=(
        Source(
            "lucadellalib/focalcodec",
            "912b7f2c0cd43d54a8aed296bbcc925dec7d4ea3",
            paths=("focalcodec",),
            tree="d1f8be2fe89ffb16c9418195c4fd79aee7df5c0c4c1f8d6bff48cfea8db80de7",
        ),
    ),
    inherits=True,
)


class FocalCodec(IsolatedCodec):
    """A checkpoint of FocalCodec, 16 kHz.

    Upstream drops the end of a recording that is no whole frame; zeros are appended here, so that the tokens cover it.

    Class attributes:
        frame_rate: Tokens per second.
        size: Entries of the codebook.
        repository: On Hugging Face.
        output_rate: Sampling rate of what is decoded, Hz.
        streaming: Whether it runs chunk by chunk. Within a chunk of four frames the encoder sees all of them, so that
            such a checkpoint has a latency of 80 ms and is not called causal.

    Source:
        https://arxiv.org/abs/2502.04465, https://arxiv.org/abs/2509.16195, https://github.com/lucadellalib/focalcodec
    """

    environment = ENVIRONMENT
    worker = Path(__file__).with_name("worker.py")

    title: ClassVar[str]
    frame_rate: ClassVar[float] = 50
    size: ClassVar[int] = 8192
    repository: ClassVar[str]
    output_rate: ClassVar[int] = 16_000
    streaming: ClassVar[bool] = False

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
            input_rate=16_000,
            output_rate=cls.output_rate,
            codebooks=(Codebook(cls.size, hop=round(16_000 / cls.frame_rate)),),
            causal=False,
            streaming=cls.streaming,
            licence="Apache-2.0",
            weights_licence="not stated",
            source="https://github.com/lucadellalib/focalcodec",
            weights=tuple(
                RemoteFile(f"hf/lucadellalib/{cls.repository}/{name}") for name in ("config.json", "model.safetensors")
            ),
        )


class FocalCodec50(FocalCodec):
    """Trained on LibriTTS, 50 tokens/s, 0.65 kbit/s."""

    name = "focalcodec-50hz"
    title = "FocalCodec, 50 Hz"
    repository = "focalcodec_50hz"


class FocalCodec25(FocalCodec):
    """Trained on LibriTTS, 25 tokens/s, 0.33 kbit/s."""

    name = "focalcodec-25hz"
    title = "FocalCodec, 25 Hz"
    frame_rate = 25
    repository = "focalcodec_25hz"


class FocalCodec12(FocalCodec):
    """Trained on LibriTTS, 12.5 tokens/s, 0.16 kbit/s."""

    name = "focalcodec-12.5hz"
    title = "FocalCodec, 12.5 Hz"
    frame_rate = 12.5
    repository = "focalcodec_12_5hz"


class FocalCodecStream65k(FocalCodec):
    """Trained on Libri-Light, streaming, 24 kHz out, 0.8 kbit/s."""

    name = "focalcodec-stream-65k"
    title = "FocalCodec-Stream, 65536 entries"
    size = 65_536
    repository = "focalcodec_50hz_65k_causal"
    output_rate = 24_000
    streaming = True


class FocalCodecStream4k(FocalCodec):
    """Trained on Libri-Light, streaming, 24 kHz out, 0.6 kbit/s."""

    name = "focalcodec-stream-4k"
    title = "FocalCodec-Stream, 4096 entries"
    size = 4096
    repository = "focalcodec_50hz_4k_causal"
    output_rate = 24_000
    streaming = True


class FocalCodecStream2k(FocalCodec):
    """Trained on Libri-Light, streaming, 24 kHz out, 0.55 kbit/s."""

    name = "focalcodec-stream-2k"
    title = "FocalCodec-Stream, 2048 entries"
    size = 2048
    repository = "focalcodec_50hz_2k_causal"
    output_rate = 24_000
    streaming = True
