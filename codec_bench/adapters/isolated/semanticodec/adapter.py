"""SemantiCodec, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


def _semanticodec(rate: int, size: int) -> CodecSpec:
    """A token rate, which counts both codebooks, and a size of the semantic codebook."""
    codebooks = f"codebook_idx/combine_{128 * rate // 25}_audioset_dominate"
    return neural(
        title=f"SemantiCodec, {rate} tokens/s, {size}",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(size, hop=32_000 // rate), Codebook(8192, hop=32_000 // rate)),
        semantic_codebooks=(0,),
        licence="MIT",
        source="https://github.com/haoheliu/SemantiCodec-inference",
        weights=hugging_face(
            "haoheliu/SemantiCodec",
            f"semanticodec_tokenrate_{rate}/encoder.ckpt",
            f"semanticodec_tokenrate_{rate}/decoder.ckpt",
            f"{codebooks}/codebook_{size // 2}_0.npy",  # named after half of the entries that upstream says it has
        ),
        configuration=f"{rate} {size}",
        padding=5120,  # two patches
    )


class SemantiCodec(IsolatedCodec):
    """SemantiCodec (Liu et al., 2024): AudioMAE units and their residual, decoded by latent diffusion.

    Token rates of 25, 50 and 100 per second, each with four sizes of the semantic codebook, at upstream's defaults. A
    rate has one pair of networks; its sizes differ in the centroids alone.

    Decoding takes 50 steps of DDIM for each 10.24 s, with a guidance of 2; its noise is reseeded for each recording.
    A recording gets whole patches of 0.16 s; one that ends with a patch may get another, as upstream rounds.

    Source:
        https://arxiv.org/abs/2405.00233, https://github.com/haoheliu/SemantiCodec-inference
    """

    name = "semanticodec"
    specs: ClassVar[Mapping[str, CodecSpec]] = {
        f"tr{rate}_v{size}": _semanticodec(rate, size)
        for rate in (25, 50, 100)
        for size in (4096, 8192, 16_384, 32_768)
    }
    modes = tuple(specs)
    any_prefix = False
    environment = Environment(
        "semanticodec",
        requirements=(
            "torch==2.4.1",
            "torchaudio==2.4.1",
            "numpy<2",
            "einops==0.8.0",
            "huggingface_hub<1",
            "pillow",
            "pyyaml",
            "requests",
            "safetensors",
            "scipy",
            "soundfile",
            "tqdm",
            "vector-quantize-pytorch==1.14.24",
        ),
        without_dependencies=("timm==0.9.16",),
        sources=(
            Source(
                "haoheliu/SemantiCodec-inference",
                "7c05d426d2971505014b96fc151522f78ff2a265",
                paths=("semanticodec",),
                tree="929256d3c7228a7114579bd132b5b248313b581802910ffa20237483c7b7bf87",
            ),
        ),
        python="3.10",
        size=5_000_000_000,
    )
    worker = Path(__file__).with_name("worker.py")
    call_timeout = 3600.0
