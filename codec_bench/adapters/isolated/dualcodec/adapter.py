"""DualCodec, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from pathlib import Path

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook


def _dualcodec(hertz: float, checkpoint: str, sizes: tuple[int, ...]) -> CodecSpec:
    """A checkpoint by its stem; `sizes` are the entries of the codebooks, the semantic one first."""
    hop = round(24_000 / hertz)
    return neural(
        title=f"DualCodec, {hertz:g} Hz",
        group=Group.SEMANTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=tuple(Codebook(size, hop) for size in sizes),
        semantic_codebooks=(0,),
        licence="MIT",
        source="https://github.com/jiaqili3/DualCodec",
        weights=(
            *hugging_face("amphion/dualcodec", f"{checkpoint}.safetensors", "w2vbert2_mean_var_stats_emilia.pt"),
            *hugging_face("facebook/w2v-bert-2.0", "config.json", "model.safetensors", "preprocessor_config.json"),
        ),
        min_samples=hop,
        configuration=f"{checkpoint}_{len(sizes)}vq",
    )


class DualCodec12(IsolatedCodec):
    """DualCodec (Li et al., Interspeech 2025): a semantic codebook from w2v-BERT 2.0, then residual acoustic ones.

    24 kHz, 12.5 frames/s, up to 8 codebooks, 1.225 kbit/s.

    Everything is computed in float32, where upstream's example has half precision on a GPU. Upstream drops the end of a
    recording that does not fill a frame; its last features are repeated here, so that the tokens cover it.

    Source:
        https://arxiv.org/abs/2505.13000, https://github.com/jiaqili3/DualCodec
    """

    name = "dualcodec-12hz"
    spec = _dualcodec(12.5, "dualcodec_12hz_16384_4096", (16_384, *(4096,) * 7))
    prefixes = tuple(range(1, 9))
    environment = Environment(
        "dualcodec",
        without_dependencies=("easydict>=1.9", "einops>=0.6"),
        sources=(
            Source(
                "jiaqili3/DualCodec",
                "5e8076453448089a0089bb2620148366dcfafa76",
                # Without the files above these folders, which import what training and synthesis need.
                paths=("dualcodec/conf/model", "dualcodec/model_codec"),
                tree="bf822e1883c2f685fa7225a9f292c09b8578088a0c4ae874e4a1fb9d9a688425",
            ),
        ),
        inherits=True,
        borrowed=("safetensors>=0.4", "torchaudio", "transformers>=4.50,<6"),
        size=175_000_000,
    )
    worker = Path(__file__).with_name("worker.py")


class DualCodec25(DualCodec12):
    """25 frames/s, up to 12 codebooks, 3.1 kbit/s."""

    name = "dualcodec-25hz"
    spec = _dualcodec(25, "dualcodec_25hz_16384_1024", (16_384, *(1024,) * 11))
    prefixes = tuple(range(1, 13))
