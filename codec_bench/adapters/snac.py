"""SNAC: three codebooks, each twice as fast as the one before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from codec_bench.adapters.codec import CodecSpec, Group
from codec_bench.adapters.packages import PackageCodec, check_config, importing, load_state, read_state
from codec_bench.errors import UnavailableError
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook, IntArray

RATE = 24_000
HOP = 512
STRIDES = (4, 2, 1)
SIZE = 4096


class Snac(PackageCodec):
    """SNAC for speech at 24 kHz: 11.7, 23.4 and 46.9 tokens/s, 984 bit/s.

    The decoder needs all three codebooks, so there is one setting. It adds noise; a fixed seed before each call makes
    the audio the same each time.

    Source:
        Siuzdak, Gröger and Lanzendörfer, "SNAC: Multi-Scale Neural Audio Codec", 2024;
        https://github.com/hubertsiuzdak/snac
    """

    name: ClassVar[str] = "snac-24khz"
    packages: ClassVar[tuple[str, ...]] = ("torch", "snac")
    modules: ClassVar[tuple[str, ...]] = ("snac", "einops")
    extra: ClassVar[str] = "snac"
    checkpoint_file: ClassVar[str] = "pytorch_model.bin"

    any_prefix: ClassVar[bool] = False
    spec = CodecSpec(
        title="SNAC (24 kHz)",
        group=Group.ACOUSTIC,
        input_rate=RATE,
        output_rate=RATE,
        codebooks=tuple(Codebook(SIZE, HOP * stride) for stride in STRIDES),
        parameters=19_842_914,
        causal=False,
        streaming=False,
        licence="MIT",
        source="https://github.com/hubertsiuzdak/snac",
        weights=hugging_face("hubertsiuzdak/snac_24khz", "config.json", "pytorch_model.bin"),
    )

    def _load(self, folder: Path) -> Any:
        with importing("snac"):
            from snac import SNAC
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            check_config(
                "config.json", config, {"sampling_rate": RATE, "vq_strides": list(STRIDES), "codebook_size": SIZE}
            )
            model = SNAC(**config)
        except (ValueError, TypeError, AttributeError) as error:
            raise UnavailableError(f"config.json is not a configuration of {self.name}: {error}") from error
        check_config("config.json", {"hop": int(model.hop_length)}, {"hop": HOP})
        load_state(model, read_state(folder / "pytorch_model.bin"), "pytorch_model.bin")
        return model.eval()

    def _codes(self, samples: Any) -> list[IntArray]:
        return [codes[0].cpu().numpy() for codes in self._model.encode(samples[None, None])]

    def _samples(self, codes: list[Any]) -> Any:
        return self._model.decode([book[None] for book in codes])[0, 0]

    def _quantized(self, codes: list[Any]) -> Any:
        return self._model.quantizer.from_codes([book[None] for book in codes])[0].T
