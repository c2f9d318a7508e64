"""HiFi-Codec and TiCodec, in environments of their own: what they are and need; `worker.py` runs there."""

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


class HiFiCodec(IsolatedCodec):
    """A checkpoint of HiFi-Codec (Yang et al., 2023): two groups of two residual codebooks of 1024 entries.

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
                tree="85e719d0c118521e60689959c1d48ecea7fda66175a050484dc7fac10de79b9e",
            ),
        ),
        inherits=True,
    )
    worker = Path(__file__).with_name("worker.py")
    any_prefix = False


def _hifi_codec(khz: int, hop: int) -> CodecSpec:
    """The hop is the product of the strides; the `hop_size` of upstream's configurations is another one."""
    return neural(
        title=f"HiFi-Codec {khz} kHz, hop {hop}",
        group=Group.ACOUSTIC,
        input_rate=1000 * khz,
        output_rate=1000 * khz,
        codebooks=(Codebook(1024, hop),) * 4,
        parameters=63_630_000,
        licence="MIT",
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


def _ticodec(mode: str, steps: int, parameters: int | None = None) -> CodecSpec:
    """A mode, with the file that upstream's test script of that mode names after its training steps."""
    return neural(
        title=f"TiCodec {mode}",
        group=Group.ACOUSTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(Codebook(1024, hop=320),) * int(mode[2]),
        parameters=parameters,
        licence="Apache-2.0",
        source="https://github.com/y-ren16/TiCodec",
        weights=hugging_face("y-ren16/TiCodec", f"logs_conv_only/logs_convonly_Lib_{mode}_cos_from_head/g_{steps:08d}"),
        min_samples=320,
        configuration=f"egs/TiCodec-24k-320d/config_24k_320d_conv_{mode}_8g3k1s.json",
    )


class TiCodec(IsolatedCodec):
    """TiCodec (Ren et al., 2024), built on HiFi-Codec's code, 24 kHz: 1, 2 or 4 codebooks of 1024 entries at 75 Hz.

    Each count is a checkpoint of its own, named by its numbers of groups and residual layers. Eight more codes of 1024
    entries are side information, sent once: counted in the payload of each utterance, not in the bitrate. The paths of
    the checkpoints are those of upstream's test scripts; the repository on Hugging Face could not be looked at.

    Source:
        https://arxiv.org/abs/2310.00014, https://github.com/y-ren16/TiCodec
    """

    name = "ticodec"
    specs: ClassVar[Mapping[str, CodecSpec]] = {
        "1g1r": _ticodec("1g1r", 300_000),
        "1g2r": _ticodec("1g2r", 250_000, 63_850_000),
        "1g4r": _ticodec("1g4r", 250_000),
    }
    modes = tuple(specs)
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
                tree="75229f9e247a63574a4372c26a0431e94f8c26f9ea9da703ade3466aff544933",
            ),
        ),
        inherits=True,
    )
    worker = Path(__file__).with_name("worker.py")
    any_prefix = False
    side_value_bits = 10
