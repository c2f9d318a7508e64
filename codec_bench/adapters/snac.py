"""SNAC: three codebooks, each twice as fast as the one before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from codec_bench.adapters.packages import PackageCodec, check_config, importing, load_state, read_state
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.errors import UnavailableError
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook, IntArray

SIZE = 4096


def _spec(rate: int, hop: int, strides: tuple[int, ...], parameters: int, padding: int = 0) -> CodecSpec:
    """A checkpoint; `padding` are the samples of the windows that its attention needs whole."""
    return CodecSpec(
        title=f"SNAC ({rate / 1000:g} kHz)",
        group=Group.ACOUSTIC,
        input_rate=rate,
        output_rate=rate,
        codebooks=tuple(Codebook(SIZE, hop * stride) for stride in strides),
        parameters=parameters,
        causal=False,
        streaming=False,
        licence="MIT",
        source="https://github.com/hubertsiuzdak/snac",
        weights=hugging_face(f"hubertsiuzdak/snac_{rate // 1000}khz", "config.json", "pytorch_model.bin"),
        padding=padding,
    )


class Snac(PackageCodec):
    """SNAC for speech at 24 kHz: 11.7, 23.4 and 46.9 tokens/s, 984 bit/s.

    The decoder needs all codebooks, so there is one setting. It adds noise; a fixed seed before each call makes the
    audio the same each time.

    Source:
        Siuzdak, Gröger and Lanzendörfer, "SNAC: Multi-Scale Neural Audio Codec", 2024;
        https://github.com/hubertsiuzdak/snac
    """

    name: ClassVar[str] = "snac-24khz"
    packages: ClassVar[tuple[str, ...]] = ("torch", "snac")
    modules: ClassVar[tuple[str, ...]] = ("snac", "einops")
    extra: ClassVar[str] = "snac"
    takes_precision: ClassVar[bool] = True
    checkpoint_file: ClassVar[str] = "pytorch_model.bin"

    any_prefix: ClassVar[bool] = False
    spec = _spec(24_000, 512, (4, 2, 1), 19_842_914)

    def _load(self, folder: Path) -> Any:
        with importing("snac"):
            from snac import SNAC
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            hop = self.spec.codebooks[-1].hop
            strides = [book.hop // hop for book in self.spec.codebooks]
            expected = {"sampling_rate": self.spec.input_rate, "vq_strides": strides, "codebook_size": SIZE}
            check_config("config.json", config, expected)
            model = SNAC(**config)
        except (ValueError, TypeError, AttributeError) as error:
            raise UnavailableError(f"config.json is not a configuration of {self.name}: {error}") from error
        check_config("config.json", {"hop": int(model.hop_length)}, {"hop": hop})
        load_state(model, read_state(folder / "pytorch_model.bin"), "pytorch_model.bin")
        return model.eval()

    def _codes(self, samples: Any) -> list[IntArray]:
        return [codes[0].cpu().numpy() for codes in self._model.encode(samples[None, None])]

    def _samples(self, codes: list[Any]) -> Any:
        return self._model.decode([book[None] for book in codes])[0, 0]

    def _quantized(self, codes: list[Any]) -> Any:
        return self._model.quantizer.from_codes([book[None] for book in codes])[0].T


SNACS = Snac.checkpoints(
    {
        # For music and sounds; four codebooks, 1.9 and 2.6 kbit/s.
        "snac-32khz": _spec(32_000, 384, (8, 4, 2, 1), 54_546_338, padding=12_288),
        "snac-44khz": _spec(44_100, 384, (8, 4, 2, 1), 54_546_338, padding=12_288),
    }
)
