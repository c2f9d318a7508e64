"""HiFi-Codec (Yang et al., 2023), and TiCodec (Ren et al., 2024), which is built on its code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook

GLOBAL_BITS = 80
"""TiCodec's eight codes of 1024 entries that are sent once per utterance."""


class HiFiCodec(IsolatedCodec):
    """A checkpoint of HiFi-Codec: two groups of two residual codebooks of 1024 entries.

    The codebooks have no prefix order, so all four are decoded.

    Source:
        https://arxiv.org/abs/2305.02765, https://github.com/yangdongchao/AcademiCodec
    """

    environment = Environment(
        "hifi-codec",
        sources=(
            Source(
                "yangdongchao/AcademiCodec",
                "b6ac134735f6079543db959a60eb77a7bab4277b",
                paths=(
                    "academicodec/__init__.py",
                    "academicodec/utils.py",
                    "academicodec/models/hificodec",
                    "egs/HiFi-Codec-16k-320d/config_16k_320d.json",
                    "egs/HiFi-Codec-24k-240d/config_24k_240d.json",
                    "egs/HiFi-Codec-24k-320d/config_24k_320d.json",
                ),
            ),
        ),
        inherits=True,
    )
    worker = Path(__file__).with_name("worker.py")
    any_prefix: ClassVar[bool] = False


def _hifi_codec(khz: int, hop: int) -> CodecSpec:
    """The hop is the product of the strides; the `hop_size` of upstream's configurations is another one."""
    return CodecSpec(
        title=f"HiFi-Codec {khz} kHz, hop {hop}",
        group=Group.ACOUSTIC,
        input_rate=1000 * khz,
        output_rate=1000 * khz,
        codebooks=(Codebook(1024, hop),) * 4,
        parameters=63_630_000,
        causal=False,
        streaming=False,
        licence="MIT",
        weights_licence="not stated",
        source="https://github.com/yangdongchao/AcademiCodec",
        weights=hugging_face("Dongchao/AcademiCodec", f"HiFi-Codec-{khz}k-{hop}d"),
        min_samples=hop,
        configuration=f"egs/HiFi-Codec-{khz}k-{hop}d/config_{khz}k_{hop}d.json",
    )


HIFI_CODECS = HiFiCodec.checkpoints(
    {
        "hifi-codec-24k-320d": _hifi_codec(24, 320),  # 75 frames/s, 3 kbit/s
        "hifi-codec-24k-240d": _hifi_codec(24, 240),  # 100 frames/s, 4 kbit/s
        "hifi-codec-16k-320d": _hifi_codec(16, 320),  # 50 frames/s, 2 kbit/s
    }
)


def _ticodec(mode: str, parameters: int | None = None) -> CodecSpec:
    return CodecSpec(
        title=f"TiCodec {mode}",
        group=Group.ACOUSTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(Codebook(1024, hop=320),) * int(mode[2]),
        parameters=parameters,
        causal=False,
        streaming=False,
        licence="Apache-2.0",
        weights_licence="not stated",
        source="https://github.com/y-ren16/TiCodec",
        weights=hugging_face("y-ren16/TiCodec", f"logs_convonly_Lib_{mode}_cos_from_head/g_00250000"),
        min_samples=320,
        configuration=f"egs/TiCodec-24k-320d/config_24k_320d_conv_{mode}_8g3k1s.json",
    )


class TiCodec(IsolatedCodec):
    """TiCodec, 24 kHz: 1, 2 or 4 codebooks of 1024 entries at 75 Hz, each count a checkpoint of its own, named by its
    numbers of groups and residual layers.

    The 80 bits of global codes are side information: counted in the payload of each utterance, not in the bitrate. The
    names of the checkpoints are those of upstream's scripts; the repository on Hugging Face could not be looked at.

    Source:
        https://arxiv.org/abs/2310.00014, https://github.com/y-ren16/TiCodec
    """

    name = "ticodec"
    specs: ClassVar[Mapping[str, CodecSpec]] = {
        "1g1r": _ticodec("1g1r"),
        "1g2r": _ticodec("1g2r", 63_850_000),
        "1g4r": _ticodec("1g4r"),
    }
    modes: ClassVar[tuple[str, ...]] = tuple(specs)
    environment = Environment(
        "ticodec",
        sources=(
            Source(
                "y-ren16/TiCodec",
                "13af0ebad99f01ebbe25ce449b7e33eebc56672e",
                paths=(
                    "academicodec/__init__.py",
                    "academicodec/utils.py",
                    "academicodec/models/ticodec",
                    *(str(spec.configuration) for spec in specs.values()),
                ),
            ),
        ),
        inherits=True,
    )
    worker = Path(__file__).with_name("worker.py")
    any_prefix: ClassVar[bool] = False

    def _side_bits(self, side: Mapping[str, NDArray[Any]]) -> int:
        return GLOBAL_BITS
