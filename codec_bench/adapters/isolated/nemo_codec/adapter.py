"""The codecs of NVIDIA NeMo, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.environments import Environment
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


def _nemo_codec(
    title: str, repository: str, hop: int, count: int, size: int = 2016, licence: str = "NVIDIA Open Model License"
) -> CodecSpec:
    """A checkpoint with `count` codebooks of `size` entries; one with another hop than the worker gets is refused."""
    return neural(
        title=title,
        group=Group.ACOUSTIC,
        input_rate=22_050,
        output_rate=22_050,
        codebooks=(Codebook(size, hop),) * count,
        causal=None,
        licence="Apache-2.0",
        weights_licence=licence,
        source=f"https://huggingface.co/nvidia/{repository}",
        weights=hugging_face(f"nvidia/{repository}", f"{repository}.nemo"),
        min_samples=8820,  # 0.4 s: the first layers mirror the ends of what they see
        configuration=str(hop),
    )


class NemoCodec(IsolatedCodec):
    """A codec of NVIDIA NeMo, 22.05 kHz: NanoCodec (Casanova et al., Interspeech 2025), and the audio codec before it.

    Their codebooks are groups of finite scalar quantizers side by side, all of which are needed.

    Source:
        https://arxiv.org/abs/2508.05835, https://arxiv.org/abs/2406.05298, https://github.com/NVIDIA/NeMo
    """

    any_prefix = False
    environment = Environment(
        "nemo-codec",
        # Two of its modules are all that is needed, and import none of the 2.5 GB that it depends on.
        without_dependencies=("nemo_toolkit==2.7.3", "einops>=0.6"),
        inherits=True,
        borrowed=("transformers>=4.50,<6",),
        size=210_000_000,
    )
    worker = Path(__file__).with_name("worker.py")


NEMO_CODEC = NemoCodec.checkpoints(
    {
        "nemo-nanocodec-1.89k": _nemo_codec(
            "NeMo NanoCodec, 1.89 kbit/s", "nemo-nano-codec-22khz-1.89kbps-21.5fps", hop=1024, count=8
        ),
        "nemo-nanocodec-1.78k": _nemo_codec(
            "NeMo NanoCodec, 1.78 kbit/s", "nemo-nano-codec-22khz-1.78kbps-12.5fps", hop=1764, count=13
        ),
        # Its makers do not recommend it for speakers that it was not tuned to.
        "nemo-nanocodec-0.6k": _nemo_codec(
            "NeMo NanoCodec, 0.6 kbit/s", "nemo-nano-codec-22khz-0.6kbps-12.5fps", hop=1764, count=4, size=4032
        ),
        # 86.1 frames/s, 6.9 kbit/s.
        "nemo-audio-codec-22khz": _nemo_codec(
            "NeMo Audio Codec, 22 kHz", "audio-codec-22khz", hop=256, count=8, size=1000, licence="NSCLv1"
        ),
    }
)
