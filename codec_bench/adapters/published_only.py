"""Codecs of the papers' tables that only their authors can run: rows that say why.

What their papers state about them stays visible in `list codecs`, and existing reconstructions are
scored with `files:DIR` next to everything else.
"""

from __future__ import annotations

from typing_extensions import override

from codec_bench.adapters.codec import Codec, CodecSpec, Group
from codec_bench.audio import FloatArray
from codec_bench.errors import UnavailableError
from codec_bench.tokens import Code, Codebook

WHY = {
    "ts3-codec": "its authors publish neither code nor weights",
    "bigcodec-streaming": (
        "the authors of TS3-Codec trained it and publish no weights (bigcodec is the original, which is not causal)"
    ),
    "single-codec": "no code or weights of its authors were found",
    "mimo-audio-tokenizer": (
        "no adapter yet: its code imports FlashAttention without a fallback, so it runs on a GPU only, and the sizes "
        "of its codebooks are inferred"
    ),
    "distilcodec": "no adapter yet: its code names a GPU, and pins fairseq, which no current Python installs",
}
"""What is missing, as the end of "cannot be run: ...", by codec."""


class PublishedOnly(Codec):
    """A codec without public weights, or without enough public facts to run it; its spec is what its paper states."""

    @override
    @classmethod
    def unsupported(cls) -> str:
        return f"{WHY[cls.name]}; score reconstructions of it with --codec files:DIR"

    @override
    def load(self, device: str = "cpu") -> None:
        raise UnavailableError(f"{self.name} cannot be run: {self.unsupported()}")

    @override
    def _encode(self, samples: FloatArray) -> Code:
        raise UnavailableError(f"{self.name} cannot be run: {self.unsupported()}")

    @override
    def _decode(self, code: Code) -> FloatArray:
        raise UnavailableError(f"{self.name} cannot be run: {self.unsupported()}")


CODECS = PublishedOnly.checkpoints(
    {
        # Wu et al., 2024: 850 bit/s; the codebook of 2^17 entries follows from the two rates.
        "ts3-codec": CodecSpec(
            title="TS3-Codec",
            group=Group.ACOUSTIC,
            input_rate=16_000,
            output_rate=16_000,
            codebooks=(Codebook(131_072, hop=320),),
            parameters=203_600_000,
            causal=True,
            streaming=True,
            licence="not published",
            source="https://arxiv.org/abs/2411.18803",
        ),
        # As the authors of TS3-Codec state it: 1040 bit/s.
        "bigcodec-streaming": CodecSpec(
            title="BigCodec-S (causal)",
            group=Group.ACOUSTIC,
            input_rate=16_000,
            output_rate=16_000,
            codebooks=(Codebook(8192, hop=200),),
            parameters=159_900_000,
            causal=True,
            streaming=True,
            licence="not published",
            source="https://arxiv.org/abs/2411.18803",
        ),
        # Li et al., 2024: frame rate and entries are inferred from the bitrate that the paper states, 304 bit/s.
        "single-codec": CodecSpec(
            title="Single-Codec",
            group=Group.ACOUSTIC,
            input_rate=24_000,
            output_rate=24_000,
            codebooks=(Codebook(8192, hop=1024),),
            causal=False,
            licence="not published",
            source="https://arxiv.org/abs/2406.07422",
        ),
        # Xiaomi, 2025: 8 of 20 residual codebooks; its weights are public.
        "mimo-audio-tokenizer": CodecSpec(
            title="MiMo-Audio-Tokenizer",
            group=Group.SEMANTIC,
            input_rate=24_000,
            output_rate=24_000,
            hop=960,
            parameters=1_200_000_000,
            licence="MIT (derived cards)",
            source="https://huggingface.co/XiaomiMiMo/MiMo-Audio-Tokenizer",
        ),
        # 1.41 kbit/s; its README says 1300 bit/s.
        "distilcodec": CodecSpec(
            title="DistilCodec",
            group=Group.ACOUSTIC,
            input_rate=24_000,
            output_rate=24_000,
            codebooks=(Codebook(32_768, hop=256),),
            causal=False,
            licence="not stated",
            source="https://github.com/IDEA-Emdoor-Lab/DistilCodec",
        ),
    }
)
