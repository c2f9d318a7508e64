"""BigVGAN, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face


class BigVgan(IsolatedCodec):
    """Mel spectrogram and BigVGAN v2 (Lee et al., 2023), 24 kHz, 100 bands, hop 256: what synthesis alone costs.

    Nothing is quantised, so there is no payload to compare. The LongCat paper does not say whether its row is version 1
    or 2.

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
                tree="4d39e0a219f3fda8d58d228d2805b0e252e664d7bacabc99fe244bd85dfacd80",
            ),
        ),
        inherits=True,
        borrowed=("tqdm>=4.60",),
    )
    worker = Path(__file__).with_name("worker.py")

    spec = neural(
        title="Mel + BigVGAN v2 (100 band)",
        group=Group.REFERENCE,
        input_rate=24_000,
        output_rate=24_000,
        hop=256,
        parameters=112_450_000,
        licence="MIT",
        source="https://github.com/NVIDIA/BigVGAN",
        weights=hugging_face("nvidia/bigvgan_v2_24khz_100band_256x", "config.json", "bigvgan_generator.pt"),
        min_samples=1024,
    )
    side_value_bits = 0
