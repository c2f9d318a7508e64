"""DualCodec (Li et al., Interspeech 2025): a semantic codebook from w2v-BERT 2.0, then residual acoustic ones."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source
from codec_bench.hub import RemoteFile
from codec_bench.tokens import Codebook

ENVIRONMENT = Environment(
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
)


class DualCodec(IsolatedCodec):
    """A checkpoint of DualCodec, 24 kHz.

    Everything is computed in float32, where upstream's example has half precision on a GPU. Upstream drops the end of a
    recording that is no whole frame; its last features are repeated here, so that the tokens cover it.

    Class attributes:
        frame_rate: Frames per second.
        sizes: Entries of the codebooks, the semantic one first.
        checkpoint: File on Hugging Face.
        model: Name of upstream's configuration.

    Source:
        https://arxiv.org/abs/2505.13000, https://github.com/jiaqili3/DualCodec
    """

    environment = ENVIRONMENT
    worker = Path(__file__).with_name("worker.py")

    title: ClassVar[str]
    frame_rate: ClassVar[float]
    sizes: ClassVar[tuple[int, ...]]
    checkpoint: ClassVar[str]
    model: ClassVar[str]

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        """It has no settings.

        Raises:
            UsageError: `mode` is not None.
        """
        if mode is not None:
            raise cls.no_such_mode(mode)
        hop = round(24_000 / cls.frame_rate)
        files = [f"amphion/dualcodec/{name}" for name in (cls.checkpoint, "w2vbert2_mean_var_stats_emilia.pt")]
        files += [
            f"facebook/w2v-bert-2.0/{name}" for name in ("config.json", "model.safetensors", "preprocessor_config.json")
        ]
        return CodecSpec(
            title=cls.title,
            group=Group.SEMANTIC,
            input_rate=24_000,
            output_rate=24_000,
            codebooks=tuple(Codebook(size, hop=hop) for size in cls.sizes),
            causal=False,
            streaming=False,
            licence="MIT",
            weights_licence="not stated",
            source="https://github.com/jiaqili3/DualCodec",
            weights=tuple(RemoteFile(f"hf/{file}") for file in files),
            min_samples=hop,
        )

    def _worker_mode(self) -> str | None:
        """Upstream's configuration."""
        return self.model


class DualCodec12(DualCodec):
    """12.5 frames/s, up to 8 codebooks, 1.225 kbit/s."""

    name = "dualcodec-12hz"
    prefixes = tuple(range(1, 9))
    title = "DualCodec, 12.5 Hz"
    frame_rate = 12.5
    sizes = (16_384, *(4096,) * 7)
    checkpoint = "dualcodec_12hz_16384_4096.safetensors"
    model = "dualcodec_12hz_16384_4096_8vq"


class DualCodec25(DualCodec):
    """25 frames/s, up to 12 codebooks, 3.1 kbit/s."""

    name = "dualcodec-25hz"
    prefixes = tuple(range(1, 13))
    title = "DualCodec, 25 Hz"
    frame_rate = 25
    sizes = (16_384, *(1024,) * 11)
    checkpoint = "dualcodec_25hz_16384_1024.safetensors"
    model = "dualcodec_25hz_16384_1024_12vq"
