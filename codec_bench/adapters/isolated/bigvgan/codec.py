"""Mel spectrogram and BigVGAN (Lee et al., 2023): the row that shows what synthesis alone costs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face


class BigVgan(IsolatedCodec):
    """BigVGAN v2, 24 kHz, 100 mel bands, hop 256. Nothing is quantised, so there is no bitrate.

    The LongCat paper does not say whether its row is version 1 or 2.

    Source:
        https://arxiv.org/abs/2206.04658, https://github.com/NVIDIA/BigVGAN
    """

    name = "bigvgan"
    environment = Environment(
        "bigvgan",
        sources=(
            Source(
                "NVIDIA/BigVGAN",
                "7d2b454564a6c7d014227f635b7423881f14bdac",
                paths=("activations.py", "alias_free_activation", "bigvgan.py", "env.py", "meldataset.py", "utils.py"),
            ),
        ),
        inherits=True,
    )
    worker = Path(__file__).with_name("worker.py")

    spec = CodecSpec(
        title="Mel + BigVGAN v2 (100 band)",
        group=Group.REFERENCE,
        input_rate=24_000,
        output_rate=24_000,
        hop=256,
        parameters=112_450_000,
        causal=False,
        streaming=False,
        licence="MIT",
        weights_licence="not stated",
        source="https://github.com/NVIDIA/BigVGAN",
        weights=hugging_face("nvidia/bigvgan_v2_24khz_100band_256x", "config.json", "bigvgan_generator.pt"),
        min_samples=1024,
    )

    def _side_bits(self, side: Mapping[str, NDArray[Any]]) -> int:
        """A spectrogram of floats has no payload to compare."""
        return 0
