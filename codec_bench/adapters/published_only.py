"""Codecs of the papers' tables that nobody outside of their authors' groups can run: rows that say why.

What their papers state about them stays visible in `list codecs`, and reconstructions that somebody has of them are
scored with `files:DIR` beside everything else.
"""

from __future__ import annotations

from typing import ClassVar

from codec_bench.adapters.codec import Codec, CodecSpec, Group
from codec_bench.audio import FloatArray
from codec_bench.errors import UnavailableError
from codec_bench.tokens import Code, Codebook


class PublishedOnly(Codec):
    """A codec without public weights, or without enough public facts to run it.

    Class attributes:
        why: What is missing, as the end of "cannot be run: ...".
        facts: What its paper states.
    """

    why: ClassVar[str]
    facts: ClassVar[CodecSpec]

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        """What the paper states.

        Raises:
            UsageError: `mode` is not None.
        """
        if mode is not None:
            raise cls.no_such_mode(mode)
        return cls.facts

    @classmethod
    def unsupported(cls) -> str | None:
        """Why nobody can run it, and what can be done instead."""
        return f"{cls.why}; score reconstructions of it with --codec files:DIR"

    def load(self, device: str = "cpu") -> None:
        """Refuses.

        Raises:
            UnavailableError: Always.
        """
        raise UnavailableError(f"{self.name} cannot be run: {self.unsupported()}")

    def _encode(self, samples: FloatArray) -> Code:
        raise UnavailableError(f"{self.name} cannot be run: {self.unsupported()}")

    def _decode(self, code: Code) -> FloatArray:
        raise UnavailableError(f"{self.name} cannot be run: {self.unsupported()}")


class Ts3Codec(PublishedOnly):
    """TS3-Codec (Wu et al., 2024): a causal Transformer with one codebook, 50 tokens/s, 850 bit/s.

    The codebook of 2^17 entries follows from the two rates. MagiCodec's tables 1 and 2 quote its paper.
    """

    name = "ts3-codec"
    why = "its authors publish neither code nor weights"
    facts = CodecSpec(
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
    )


class BigCodecStreaming(PublishedOnly):
    """BigCodec-S: a causal BigCodec that the authors of TS3-Codec trained, 80 tokens/s, 1040 bit/s.

    MagiCodec's tables 1 and 2 quote its figures from their paper.
    """

    name = "bigcodec-streaming"
    why = "the authors of TS3-Codec trained it and publish no weights (bigcodec is the original, which is not causal)"
    facts = CodecSpec(
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
    )


class HubertUnits1000(PublishedOnly):
    """HuBERT-base units of 1000 clusters with SpeechGPT's unit HiFi-GAN: Stable-Codec's table 8, 500 bit/s."""

    name = "hubert-km1000"
    why = "its clusters and vocoder are SpeechGPT's, made for another HuBERT, and were not found (hubert-km has 500)"
    facts = CodecSpec(
        title="HuBERT k-means 1000 + unit HiFi-GAN",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(1000, hop=320),),
        causal=False,
        licence="MIT",
        source="https://arxiv.org/abs/2411.19842",
    )


class MHubertUnits25Hz(PublishedOnly):
    """Multilingual HuBERT units of 500 clusters at 25 Hz with the unit HiFi-GAN of textlesslib, 224 bit/s."""

    name = "mhubert-km500-25hz"
    why = "its HuBERT is published for fairseq alone, which no current Python installs"
    facts = CodecSpec(
        title="mHuBERT 25 Hz k-means 500 + unit HiFi-GAN",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(Codebook(500, hop=640),),
        causal=False,
        licence="MIT",
        source="https://github.com/facebookresearch/textlesslib",
    )


class SingleCodec(PublishedOnly):
    """Single-Codec (Li et al., 2024): one codebook over mel spectrograms of 24 kHz speech, 304 bit/s.

    The frame rate of 23.44 Hz and the codebook of 8192 entries are inferred from the bitrate that the paper states.
    """

    name = "single-codec"
    why = "no code or weights of its authors were found"
    facts = CodecSpec(
        title="Single-Codec",
        group=Group.ACOUSTIC,
        input_rate=24_000,
        output_rate=24_000,
        codebooks=(Codebook(8192, hop=1024),),
        causal=False,
        licence="not published",
        source="https://arxiv.org/abs/2406.07422",
    )


class MimoAudioTokenizer(PublishedOnly):
    """MiMo-Audio-Tokenizer (Xiaomi, 2025): 25 frames/s at 24 kHz, 8 of 20 residual codebooks, 1.2 billion parameters.

    Weights are public (`XiaomiMiMo/MiMo-Audio-Tokenizer`); the sizes of its codebooks are not known to this project, so
    that no bitrate could be computed.
    """

    name = "mimo-audio-tokenizer"
    why = "no adapter yet: the sizes of its codebooks are not documented, so no bitrate could be computed"
    facts = CodecSpec(
        title="MiMo-Audio-Tokenizer",
        group=Group.SEMANTIC,
        input_rate=24_000,
        output_rate=24_000,
        hop=960,
        parameters=1_200_000_000,
        licence="MIT (derived cards)",
        source="https://huggingface.co/XiaomiMiMo/MiMo-Audio-Tokenizer",
    )


class DistilCodec(PublishedOnly):
    """DistilCodec: named beside the others, but no facts about it could be verified."""

    name = "distilcodec"
    why = "neither its rates nor a source of it could be verified"
    facts = CodecSpec(
        title="DistilCodec", group=Group.ACOUSTIC, input_rate=24_000, output_rate=24_000, licence="not known"
    )
