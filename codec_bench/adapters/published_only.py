"""Codecs that only their authors can run, or that no adapter runs yet: rows that say why.

What their papers state about them stays visible in `list codecs`, and existing reconstructions are
scored with `files:DIR` next to everything else.
"""

from __future__ import annotations

from typing_extensions import override

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import CodecSpec, Group
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
    "sac-37.5hz": "no adapter yet: it needs the tokenizer of GLM-4-Voice beside its own weights",
    "sac-62.5hz": "no adapter yet: it needs the tokenizer of GLM-4-Voice beside its own weights",
    "glm-4-voice": "no adapter yet: its decoder is a fork of CosyVoice's, with one voice",
    "fish-dac": "no adapter yet; its weights are for non-commercial use",
    "unicodec": "no adapter yet: its decoder takes features, and what its tokens stand for has to be worked out",
    "funcodec-ds640": "no adapter yet: it needs a fork of ESPnet, and the order of its tokens was not verified",
    "funcodec-ds320": "no adapter yet: it needs a fork of ESPnet, and the order of its tokens was not verified",
    "freqcodec": "no adapter yet: it needs a fork of ESPnet, and the order of its tokens was not verified",
    "dtm-codec": "its source was not to be had",
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


def _spec(
    title: str, group: Group, rate: int, codebooks: tuple[Codebook, ...], repository: str, licence: str
) -> CodecSpec:
    return neural(
        title=title,
        group=group,
        input_rate=rate,
        output_rate=rate,
        codebooks=codebooks,
        licence=licence,
        source=f"https://github.com/{repository}",
    )


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
        # Xiaomi, 2025: 20 residual codebooks, of which its language model has 8, 1.55 kbit/s.
        "mimo-audio-tokenizer": CodecSpec(
            title="MiMo-Audio-Tokenizer",
            group=Group.SEMANTIC,
            input_rate=24_000,
            output_rate=24_000,
            codebooks=(Codebook(1024, hop=960),) * 2 + (Codebook(128, hop=960),) * 18,
            parameters=1_200_000_000,
            causal=False,
            streaming=True,
            licence="Apache-2.0",
            weights_licence="MIT",
            source="https://github.com/XiaomiMiMo/MiMo-Audio",
        ),
        # 1.41 kbit/s; its README says 1300 bit/s.
        "distilcodec": _spec(
            "DistilCodec", Group.ACOUSTIC, 24_000, (Codebook(32_768, 256),), "IDEA-Emdoor-Lab/DistilCodec", "not stated"
        ),
        **{
            f"sac-{rate}hz": _spec(
                f"SAC, {rate} Hz",
                Group.SEMANTIC,
                16_000,
                (Codebook(16_384, 1280), Codebook(16_384, hop)),
                "Soul-AILab/SAC",
                "Apache-2.0",
            )
            for rate, hop in ((37.5, 640), (62.5, 320))
        },
        "glm-4-voice": CodecSpec(
            title="GLM-4-Voice tokenizer and decoder",
            group=Group.SEMANTIC,
            input_rate=16_000,
            output_rate=22_050,
            codebooks=(Codebook(16_384, hop=1280),),
            parameters=454_800_000,
            causal=False,
            streaming=True,
            licence="Apache-2.0",
            weights_licence="GLM-4 model licence",
            source="https://github.com/THUDM/GLM-4-Voice",
        ),
        "fish-dac": CodecSpec(
            title="Fish Audio's DAC (S1-mini, S2)",
            group=Group.ACOUSTIC,
            input_rate=44_100,
            output_rate=44_100,
            codebooks=(Codebook(4096, hop=2048), *(Codebook(1024, hop=2048),) * 9),
            causal=True,
            streaming=True,
            licence="Fish Audio Research License (non-commercial)",
            source="https://github.com/fishaudio/fish-speech",
        ),
        # Speech has only the first 4096 entries, 0.9 kbit/s; what is sent has to allow all.
        "unicodec": _spec(
            "UniCodec", Group.ACOUSTIC, 24_000, (Codebook(16_384, 320),), "Jiang-Yidi/UniCodec", "not stated"
        ),
        **{
            name: _spec(title, Group.ACOUSTIC, 16_000, (Codebook(1024, hop),) * 32, "modelscope/FunCodec", "MIT")
            for name, title, hop in (
                ("funcodec-ds640", "FunCodec EnCodec, 25 Hz", 640),
                ("funcodec-ds320", "FunCodec EnCodec, 50 Hz", 320),
                ("freqcodec", "FreqCodec, 50 Hz", 320),
            )
        },
        "dtm-codec": CodecSpec(
            title="DTM-Codec",
            group=Group.ACOUSTIC,
            input_rate=16_000,
            output_rate=16_000,
            licence="not known",
            source="https://huggingface.co/hoyso48/DTM-Codec",
        ),
    }
)
