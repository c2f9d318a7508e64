"""Kanade (Huang et al., 2026): one codebook for what is said, and one vector for the voice."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source
from codec_bench.hub import RemoteFile
from codec_bench.tokens import Codebook

ENVIRONMENT = Environment(
    "kanade",
    without_dependencies=("safetensors>=0.4", "vocos==0.1.0", "encodec==0.1.1", "einops>=0.6"),
    sources=(
        Source(
            "frothywater/kanade-tokenizer",
            "8e17729e9b96509606a01d4be959aa9c67d6a92a",
            # Without what is for training; the package declares Python 3.12, and these modules need 3.10.
            paths=(
                "config/model",
                "src/kanade_tokenizer/model.py",
                "src/kanade_tokenizer/module",
                "src/kanade_tokenizer/util.py",
            ),
            tree="c87812fb8872bf714790952e0b059adb92e05ed1b1ba9cf6a07bde7d9436216d",
        ),
    ),
    inherits=True,
)

WAVLM = RemoteFile(
    "torchaudio/wavlm_base_plus.pth", source="https://download.pytorch.org/torchaudio/models/wavlm_base_plus.pth"
)


class Kanade(IsolatedCodec):
    """A checkpoint of Kanade, 24 kHz.

    As upstream does, a recording is brought to full scale before it is encoded, which is not undone. The vector of the
    voice is sent as float32.

    Class attributes:
        frame_rate: Tokens per second.
        checkpoint: Repository on Hugging Face, below its makers' name, and configuration in the source tree.
        vocoder: Files of the vocoder; HiFT draws its excitation, so that each decoding is seeded.

    Source:
        https://arxiv.org/abs/2602.00594, https://github.com/frothywater/kanade-tokenizer
    """

    environment = ENVIRONMENT
    worker = Path(__file__).with_name("worker.py")

    title: ClassVar[str]
    frame_rate: ClassVar[float]
    checkpoint: ClassVar[tuple[str, str]]
    vocoder: ClassVar[tuple[RemoteFile, ...]] = (
        RemoteFile("hf/charactr/vocos-mel-24khz/config.yaml"),
        RemoteFile("hf/charactr/vocos-mel-24khz/pytorch_model.bin"),
    )
    parameters: ClassVar[int]

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
            group=Group.SEMANTIC,
            input_rate=24_000,
            output_rate=24_000,
            codebooks=(Codebook(8 * 8 * 8 * 5 * 5, hop=round(24_000 / cls.frame_rate)),),
            parameters=cls.parameters,  # as upstream states them
            causal=False,
            streaming=False,
            licence="MIT",
            weights_licence="not stated",
            source="https://github.com/frothywater/kanade-tokenizer",
            weights=(RemoteFile(f"hf/frothywater/{cls.checkpoint[0]}/model.safetensors"), WAVLM, *cls.vocoder),
        )

    def _worker_mode(self) -> str | None:
        """Upstream's configuration."""
        return self.checkpoint[1]


class Kanade25(Kanade):
    """25 tokens/s, 0.34 kbit/s, trained on LibriTTS."""

    name = "kanade-25hz"
    title = "Kanade, 25 Hz"
    frame_rate = 25
    checkpoint = ("kanade-25hz", "25hz")
    parameters = 118_000_000


class Kanade12(Kanade):
    """12.5 tokens/s, 0.17 kbit/s, trained on LibriTTS."""

    name = "kanade-12.5hz"
    title = "Kanade, 12.5 Hz"
    frame_rate = 12.5
    checkpoint = ("kanade-12.5hz", "12hz")
    parameters = 120_000_000


class Kanade25Clean(Kanade):
    """25 tokens/s, 0.34 kbit/s, trained on LibriTTS-R, with CosyVoice 2's vocoder: it removes noise."""

    name = "kanade-25hz-clean"
    title = "Kanade, 25 Hz, clean"
    frame_rate = 25
    checkpoint = ("kanade-25hz-clean", "25hz_clean")
    vocoder = (RemoteFile("hf/FunAudioLLM/CosyVoice2-0.5B/hift.pt"),)
    parameters = 142_000_000
