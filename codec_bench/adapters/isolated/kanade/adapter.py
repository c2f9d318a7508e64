"""Kanade, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import RemoteFile, hugging_face
from codec_bench.tokens import Codebook

WAVLM = RemoteFile(
    "torchaudio/wavlm_base_plus.pth", source="https://download.pytorch.org/torchaudio/models/wavlm_base_plus.pth"
)
VOCOS = hugging_face("charactr/vocos-mel-24khz", "config.yaml", "pytorch_model.bin")
HIFT = hugging_face("FunAudioLLM/CosyVoice2-0.5B", "hift.pt", revision="18ce4d08f87f73573bb1e2bc4a61b5cb557d244b")
"""CosyVoice 2's vocoder, which removes noise. It draws its excitation, so that each decoding is seeded."""


def _kanade(
    title: str,
    repository: str,
    frame_rate: float,
    parameters: int,
    configuration: str,
    vocoder: tuple[RemoteFile, ...] = VOCOS,
) -> CodecSpec:
    """A checkpoint; the parameters are those that upstream states."""
    return neural(
        title=title,
        group=Group.SEMANTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(Codebook(8 * 8 * 8 * 5 * 5, hop=round(24_000 / frame_rate)),),
        parameters=parameters,
        licence="MIT",
        source="https://github.com/frothywater/kanade-tokenizer",
        weights=(*hugging_face(f"frothywater/{repository}", "model.safetensors"), WAVLM, *vocoder),
        configuration=configuration,
    )


class Kanade(IsolatedCodec):
    """A checkpoint of Kanade (Huang et al., 2026), 24 kHz: one codebook for what is said, and one vector for the voice.

    As upstream does, a recording is brought to full scale before it is encoded, which is not undone. The vector of the
    voice is sent as float32.

    Source:
        https://arxiv.org/abs/2602.00594, https://github.com/frothywater/kanade-tokenizer
    """

    environment = Environment(
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
        borrowed=("huggingface_hub>=0.23", "torchaudio"),
    )
    worker = Path(__file__).with_name("worker.py")


KANADE = Kanade.checkpoints(
    {
        # Trained on LibriTTS, 0.34 and 0.17 kbit/s, and on LibriTTS-R.
        "kanade-25hz": _kanade("Kanade, 25 Hz", "kanade-25hz", 25, 118_000_000, "25hz"),
        "kanade-12.5hz": _kanade("Kanade, 12.5 Hz", "kanade-12.5hz", 12.5, 120_000_000, "12hz"),
        "kanade-25hz-clean": _kanade("Kanade, 25 Hz, clean", "kanade-25hz-clean", 25, 142_000_000, "25hz_clean", HIFT),
    }
)
