"""NVIDIA NeMo's codecs at 22.05 kHz: NanoCodec (Casanova et al., Interspeech 2025) and the audio codec before it.

Their codebooks are groups of finite scalar quantizers side by side, none of which can be left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment
from codec_bench.hub import RemoteFile
from codec_bench.tokens import Codebook

ENVIRONMENT = Environment(
    "nemo-codec",
    # Two of its modules are all that is needed, and import none of the 2.5 GB that it depends on.
    without_dependencies=("nemo_toolkit==2.7.3", "einops>=0.6"),
    inherits=True,
)


class NemoCodec(IsolatedCodec):
    """A codec of NeMo: mono, 22.05 kHz.

    Class attributes:
        hop: Samples per frame.
        size: Entries of each codebook.
        count: Codebooks.
        repository: On Hugging Face.

    Source:
        https://arxiv.org/abs/2508.05835, https://arxiv.org/abs/2406.05298, https://github.com/NVIDIA/NeMo
    """

    any_prefix = False
    environment = ENVIRONMENT
    worker = Path(__file__).with_name("worker.py")

    title: ClassVar[str]
    hop: ClassVar[int]
    size: ClassVar[int] = 2016
    count: ClassVar[int]
    repository: ClassVar[str]
    licence: ClassVar[str] = "NVIDIA Open Model License"

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
            input_rate=22_050,
            output_rate=22_050,
            codebooks=(Codebook(cls.size, hop=cls.hop),) * cls.count,
            streaming=False,
            licence="Apache-2.0",
            weights_licence=cls.licence,
            source=f"https://huggingface.co/nvidia/{cls.repository}",
            weights=(RemoteFile(f"hf/nvidia/{cls.repository}/{cls.repository}.nemo"),),
            min_samples=8820,  # 0.4 s: the first layers mirror the ends of what they see
        )

    def _worker_mode(self) -> str | None:
        """Samples per frame: a checkpoint of another rate is refused."""
        return str(self.hop)


class NanoCodec189(NemoCodec):
    """21.5 frames/s, 8 codebooks, 1.89 kbit/s."""

    name = "nemo-nanocodec-1.89k"
    title = "NeMo NanoCodec, 1.89 kbit/s"
    hop = 1024
    count = 8
    repository = "nemo-nano-codec-22khz-1.89kbps-21.5fps"


class NanoCodec178(NemoCodec):
    """12.5 frames/s, 13 codebooks, 1.78 kbit/s."""

    name = "nemo-nanocodec-1.78k"
    title = "NeMo NanoCodec, 1.78 kbit/s"
    hop = 1764
    count = 13
    repository = "nemo-nano-codec-22khz-1.78kbps-12.5fps"


class NanoCodec06(NemoCodec):
    """12.5 frames/s, 4 codebooks, 0.6 kbit/s; its makers do not recommend it for speakers that it was not tuned to."""

    name = "nemo-nanocodec-0.6k"
    title = "NeMo NanoCodec, 0.6 kbit/s"
    hop = 1764
    size = 4032
    count = 4
    repository = "nemo-nano-codec-22khz-0.6kbps-12.5fps"


class AudioCodec22(NemoCodec):
    """86.1 frames/s, 8 codebooks, 6.9 kbit/s."""

    name = "nemo-audio-codec-22khz"
    title = "NeMo Audio Codec, 22 kHz"
    hop = 256
    size = 1000
    count = 8
    repository = "audio-codec-22khz"
    licence = "NSCLv1"
