"""Stable Codec, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.environments import Environment, Source
from codec_bench.errors import UnavailableError
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


def _stable_codec(preset: str, *sizes: int) -> CodecSpec:
    return neural(
        title=f"Stable Codec, {preset}",
        group=Group.ACOUSTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=tuple(Codebook(size, hop=640) for size in sizes),
        licence="MIT",
        weights_licence="Stability AI Community License",
        source="https://github.com/Stability-AI/stable-codec",
        weights=hugging_face("stabilityai/stable-codec-speech-16k-base", "model_config.json", "model.safetensors"),
        min_samples=6400,  # a block of the loudness measurement
    )


class StableCodec(IsolatedCodec):
    """Stable Codec (Parker et al., ICLR 2025), 16 kHz, 25 frames/s: a transformer with finite scalar quantization.

    The weights are those of the paper (`-base`), with upstream's quantizers for use after training.

    Upstream normalises a file to -20 LUFS before encoding, and leaves the output there. The same is done here, and the
    gain is sent once for each recording, 32 bits of side information, so that the output has the recording's level. As
    upstream says of FlashAttention: it is required, and so is a GPU. The weights are behind a form on Hugging Face.

    Source:
        https://arxiv.org/abs/2411.19842, https://github.com/Stability-AI/stable-codec
    """

    name = "stable-codec"
    specs: ClassVar[Mapping[str, CodecSpec]] = {
        "1x46656_400bps": _stable_codec("1x46656", 46_656),
        "2x15625_700bps": _stable_codec("2x15625", 15_625, 15_625),
        "4x729_1000bps": _stable_codec("4x729", 729, 729, 729, 729),
    }
    modes = tuple(specs)
    any_prefix = False
    # What upstream declares cannot be installed (pypesq does not build); this is what coding imports of it.
    environment = Environment(
        "stable-codec",
        requirements=(
            "torch==2.4.0",
            "torchaudio==2.4.0",
            "numpy<2",
            "einops==0.8.0",
            "huggingface_hub<1",
            "packaging",
            "safetensors",
            "tqdm",
        ),
        without_dependencies=(
            "stable-audio-tools==0.0.17",
            "alias-free-torch==0.0.6",
            "flash-attn @ https://github.com/Dao-AILab/flash-attention/releases/download/v2.6.3/"
            "flash_attn-2.6.3+cu123torch2.4cxx11abiFALSE-cp310-cp310-linux_x86_64.whl",
        ),
        sources=(
            Source(
                "Stability-AI/stable-codec",
                "853554419944dbec11c39a29cf803e492aade836",
                paths=("stable_codec/fsq.py", "stable_codec/residual_fsq.py"),
                tree="a0c55dc71758ec1a2dc4b12f8f457c2ed9b1a4f309809fbd54b4d0001d93ef03",
            ),
        ),
        python="3.10",
        size=5_000_000_000,
    )
    worker = Path(__file__).with_name("worker.py")
    needs_gpu: ClassVar[bool] = True  # on a CPU the windows of its attention would be ignored

    @override
    def load(self, device: str = "cpu") -> None:
        if self.needs_gpu and not device.startswith("cuda"):
            raise UnavailableError(f"{self.name} runs on a GPU only, with FlashAttention: use --device cuda")
        super().load(device)
