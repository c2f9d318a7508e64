"""Distill-NeuCodec, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


class DistillNeuCodec(IsolatedCodec):
    """Distill-NeuCodec (Julian et al., 2025), 16 kHz in and 24 kHz out: NeuCodec's codebook with smaller encoders.

    65,536 entries at 50 Hz, 0.8 kbit/s. L3AC's encoder and DistilHuBERT stand where NeuCodec has BigCodec's encoder
    and w2v-BERT 2.0. A recording of whole frames gets a frame of silence more, as upstream has it.

    Source:
        https://arxiv.org/abs/2509.09550, https://github.com/neuphonic/neucodec
    """

    name = "distill-neucodec"
    checkpoint_file = "pytorch_model.bin"
    environment = Environment(
        "distill-neucodec",
        without_dependencies=(
            "einops>=0.8",
            "einx==0.3.0",
            "frozendict>=2",
            "hyper-connections==0.1.15",
            "local-attention==1.11.2",
            "vector-quantize-pytorch==1.17.8",
        ),
        sources=(
            Source(
                "neuphonic/neucodec",
                "2454f320f1437325e5b72bf414c94f2dbfa9a48b",
                paths=("neucodec",),
                tree="30ff61f5a58aac2296443154a80fb4b64012fe91a87abb4cb5de61ee6a7ea15d",
            ),
        ),
        inherits=True,
        borrowed=("huggingface_hub>=0.23", "safetensors>=0.4", "transformers>=4.50,<6"),
        size=175_000_000,
    )
    worker = Path(__file__).with_name("worker.py")

    spec = neural(
        title="Distill-NeuCodec",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=24_000,
        codebooks=(Codebook(65_536, hop=320),),
        parameters=247_323_306,
        licence="Apache-2.0",
        weights_licence="Apache-2.0",
        source="https://github.com/neuphonic/neucodec",
        weights=(
            *hugging_face("neuphonic/distill-neucodec", "pytorch_model.bin"),
            *hugging_face("ntu-spml/distilhubert", "config.json", "model.safetensors", "preprocessor_config.json"),
        ),
    )
