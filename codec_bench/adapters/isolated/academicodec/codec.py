"""HiFi-Codec (Yang et al., 2023), and TiCodec (Ren et al., 2024), which is built on its code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.environments import Environment, Source
from codec_bench.hub import RemoteFile
from codec_bench.tokens import Codebook

GLOBAL_BITS = 80
"""TiCodec's eight codes of 1024 entries that are sent once per utterance."""


class HiFiCodec(IsolatedCodec):
    """A checkpoint of HiFi-Codec: two groups of two residual codebooks of 1024 entries.

    The codebooks are no prefix order, so all four are decoded.

    Class attributes:
        rate: Sampling rate in Hz.
        hop: Samples per token, the product of the strides; the `hop_size` of upstream's configurations is another one.

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

    rate: ClassVar[int]
    hop: ClassVar[int]

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        """It has no settings.

        Raises:
            UsageError: `mode` is not None.
        """
        if mode is not None:
            raise cls.no_such_mode(mode)
        return CodecSpec(
            title=f"HiFi-Codec {cls.rate // 1000} kHz, hop {cls.hop}",
            group=Group.ACOUSTIC,
            input_rate=cls.rate,
            output_rate=cls.rate,
            codebooks=(Codebook(1024, hop=cls.hop),) * 4,
            parameters=63_630_000,
            causal=False,
            streaming=False,
            licence="MIT",
            weights_licence="not stated",
            source="https://github.com/yangdongchao/AcademiCodec",
            weights=(RemoteFile(f"hf/Dongchao/AcademiCodec/HiFi-Codec-{cls._kind()}"),),
            min_samples=cls.hop,
        )

    @classmethod
    def _kind(cls) -> str:
        return f"{cls.rate // 1000}k-{cls.hop}d"

    def _worker_mode(self) -> str | None:
        kind = self._kind()
        return f"egs/HiFi-Codec-{kind}/config_{kind.replace('-', '_')}.json"


class HiFiCodec24k320d(HiFiCodec):
    """75 frames/s at 24 kHz, 3 kbit/s."""

    name = "hifi-codec-24k-320d"
    rate = 24_000
    hop = 320


class HiFiCodec24k240d(HiFiCodec):
    """100 frames/s at 24 kHz, 4 kbit/s."""

    name = "hifi-codec-24k-240d"
    rate = 24_000
    hop = 240


class HiFiCodec16k320d(HiFiCodec):
    """50 frames/s at 16 kHz, 2 kbit/s."""

    name = "hifi-codec-16k-320d"
    rate = 16_000
    hop = 320


class TiCodec(IsolatedCodec):
    """TiCodec, 24 kHz: 1, 2 or 4 codebooks of 1024 entries at 75 Hz, each count a checkpoint of its own.

    The 80 bits of global codes are side information: counted in the payload of each utterance, not in the bitrate. The
    names of the checkpoints are those of upstream's scripts; the repository on Hugging Face could not be looked at.

    Source:
        https://arxiv.org/abs/2310.00014, https://github.com/y-ren16/TiCodec
    """

    name = "ticodec"
    modes: ClassVar[tuple[str, ...]] = ("1g1r", "1g2r", "1g4r")
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
                    *(f"egs/TiCodec-24k-320d/config_24k_320d_conv_{mode}_8g3k1s.json" for mode in modes),
                ),
            ),
        ),
        inherits=True,
    )
    worker = Path(__file__).with_name("worker.py")
    any_prefix: ClassVar[bool] = False

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        """A checkpoint by its number of groups and residual layers, e.g. `1g2r`.

        Raises:
            UsageError: There is no such checkpoint.
        """
        if mode not in cls.modes:
            raise cls.no_such_mode(mode)
        return CodecSpec(
            title=f"TiCodec {mode}",
            group=Group.ACOUSTIC,
            input_rate=24_000,
            output_rate=24_000,
            codebooks=(Codebook(1024, hop=320),) * int(mode[2]),
            parameters=63_850_000 if mode == "1g2r" else None,
            causal=False,
            streaming=False,
            licence="Apache-2.0",
            weights_licence="not stated",
            source="https://github.com/y-ren16/TiCodec",
            weights=(RemoteFile(f"hf/y-ren16/TiCodec/logs_convonly_Lib_{mode}_cos_from_head/g_00250000"),),
            min_samples=320,
        )

    def _worker_mode(self) -> str | None:
        return f"egs/TiCodec-24k-320d/config_24k_320d_conv_{self.mode}_8g3k1s.json"

    def _side_bits(self, side: Mapping[str, NDArray[Any]]) -> int:
        return GLOBAL_BITS
