"""LSCodec (Guo et al., Interspeech 2025): what is said in one codebook, who says it from a prompt."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source
from codec_bench.hub import RemoteFile
from codec_bench.tokens import Codebook

ENVIRONMENT = Environment(
    "lscodec",
    requirements=(
        "torch==1.13.1",
        "numpy<1.24",
        "einops",
        "filelock",
        "pyyaml~=6.0",
        "setuptools==65.6.3",
        "soundfile",
    ),
    sources=(
        Source(
            "cantabile-kwok/LSCodec-Inference",
            "521db44dae355ed796d159f7c99bfc097a149b2b",
            paths=("lscodec",),
            tree="a297c16e3a6f0c033c3c150dd595d5a6e83dcc6e26f934422ad427cd6b6faf3f",
        ),
    ),
    python="3.10",
)


class LsCodec(IsolatedCodec):
    """A published checkpoint with the recording itself as the prompt.

    The decoder needs features of WavLM-Large from speech of the wanted voice, which are no part of the code; taking the
    recording gives the codec what it never sends. They are kept as side information so that decoding needs the code
    only, and count nothing towards its bits: compare WER and STOI, as the papers do, and no measure of the voice.

    WavLM-Large is on a page that no program can fetch from: put `WavLM-Large.pt`, as Microsoft publishes it at
    https://github.com/microsoft/unilm/tree/master/wavlm, into a folder of CODEC_BENCH_MIRROR.

    Class attributes:
        entries: Of the codebook.
        frame_rate: Tokens per second.
        repository: On Hugging Face.

    Source:
        https://arxiv.org/abs/2410.15764, https://github.com/cantabile-kwok/LSCodec-Inference
    """

    environment = ENVIRONMENT
    worker = Path(__file__).with_name("worker.py")

    entries: ClassVar[int]
    frame_rate: ClassVar[int]
    repository: ClassVar[str]

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        """It has no settings.

        Raises:
            UsageError: `mode` is not None.
        """
        if mode is not None:
            raise cls.no_such_mode(mode)
        names = (
            "codebook.npy",
            "encoder_config.yml",
            "vocoder_config.yml",
            "lscodec_encoder.pt",
            "lscodec_vocoder.pt",
        )
        return CodecSpec(
            title=f"LSCodec, {cls.frame_rate} Hz",
            group=Group.SEMANTIC,
            input_rate=16_000,
            output_rate=24_000,
            codebooks=(Codebook(cls.entries, hop=16_000 // cls.frame_rate),),
            causal=False,
            streaming=False,
            licence="MIT",
            weights_licence="not stated",
            source="https://github.com/cantabile-kwok/LSCodec-Inference",
            weights=(
                *(RemoteFile(f"hf/{cls.repository}/{name}") for name in names),
                RemoteFile("wavlm/WavLM-Large.pt"),
            ),
            min_samples=1600,  # its convolutions are not padded
        )

    def _side_bits(self, side: object) -> int:
        """None: the prompt is given, not sent."""
        return 0


class LsCodec50(LsCodec):
    """50 tokens per second of 300: 0.41 kbit/s, which the paper rounds up to 9 bits per token, 0.45."""

    name = "lscodec-50hz"
    entries = 300
    frame_rate = 50
    repository = "cantabile-kwok/lscodec_50hz"


class LsCodec25(LsCodec):
    """25 tokens per second of 1024: 0.25 kbit/s."""

    name = "lscodec-25hz"
    entries = 1024
    frame_rate = 25
    repository = "cantabile-kwok/lscodec_25hz"
