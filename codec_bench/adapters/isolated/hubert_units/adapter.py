"""Units of HuBERT, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import RemoteFile, hugging_face
from codec_bench.tokens import Codebook

FILES = "https://dl.fbaipublicfiles.com"
VOCODER = f"{FILES}/textless_nlp/expresso/checkpoints/hifigan_expresso_lj_vctk_hubert_base_ls960_L9_km500"


KM500 = neural(
    title="HuBERT units, 500",
    group=Group.SEMANTIC,
    padding=400,  # its convolutions are not padded
    input_rate=16_000,
    output_rate=16_000,
    codebooks=(Codebook(500, hop=320),),
    semantic_codebooks=(0,),
    licence="MIT",
    source="https://github.com/facebookresearch/textlesslib",
    weights=(
        *hugging_face("facebook/hubert-base-ls960", "config.json", "pytorch_model.bin"),
        RemoteFile(
            "textless/hubert_base_ls960_L9_km500.bin",
            "4450dcbc90aa7d0553306a4b0fafef35c9b3c840468f02969273dfbb9db89a23",
            source=f"{FILES}/hubert/hubert_base_ls960_L9_km500.bin",
        ),
        RemoteFile(
            "textless/hubert_base_ls960_L9_km500_hifigan/generator.pt",
            "d50f4704e961c29cb386924ef32cd0c3a4d1089a3f9be856f8a3b6dcfdd6147a",
            source=f"{VOCODER}/generator.pt",
        ),
        RemoteFile(
            "textless/hubert_base_ls960_L9_km500_hifigan/config.json",
            "31e65ef5e100cb43de08f2c8d225496ace1ed87a49fcb8ee44bd6805f079b1f0",
            source=f"{VOCODER}/config.json",
        ),
    ),
    min_samples=400,  # HuBERT's convolutions are not padded
)
"""The only units of HuBERT base that have both a published quantizer and a published vocoder."""


class HubertUnits(IsolatedCodec):
    """Units of HuBERT (k-means of its features), and a HiFi-GAN that speaks them.

    `km500`: layer 9 of HuBERT base, 500 units at 50 Hz, and textlesslib's vocoder of them (Expresso, LJ, VCTK).

    Units say little about the voice: the vocoder speaks all of them with the first of its speakers and styles, which is
    upstream's default. So compare WER, and no measure of the voice or of its pitch. HuBERT is that of transformers. The
    1000 units of the papers are of another model (`hubert-km1000`), whose vocoder textlesslib does not have.

    Source:
        https://arxiv.org/abs/2106.07447, https://arxiv.org/abs/2104.00355,
        https://github.com/facebookresearch/textlesslib
    """

    name = "hubert-km"
    specs: ClassVar[Mapping[str, CodecSpec]] = {"km500": KM500}
    modes = tuple(specs)
    environment = Environment(
        "hubert-units",
        requirements=("transformers>=5.23,<6", "joblib>=1.3"),
        sources=(
            Source(
                "facebookresearch/textlesslib",
                "ba33d669d8284b4f7bfe81e7384e83ab799fe384",
                paths=("textless/vocoders/hifigan",),
                tree="3b415288f3b0e5509dfdf1d75b9840020c630c675ee02a33b5b74df9135d0dcd",
            ),
        ),
        inherits=True,
        size=175_000_000,
    )
    worker = Path(__file__).with_name("worker.py")
    packages = ("torch", "transformers", "joblib")
