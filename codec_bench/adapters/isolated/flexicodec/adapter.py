"""FlexiCodec, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.environments import Environment
from codec_bench.hub import hugging_face
from codec_bench.tokens import Codebook, IntArray, Tokens

HOP = 1280
MEANING, SOUND = Codebook(32_768, HOP), Codebook(4096, HOP)
DURATIONS = Codebook(8, HOP)
"""How many frames a group has, less one."""


def _flexicodec(threshold: float, frames: float) -> CodecSpec:
    """At a threshold, with which its makers see so many groups per second; below 1 some have several frames."""
    merges = threshold < 1
    books = (MEANING, *(DURATIONS,) * merges, *(SOUND,) * 23)
    unsaid = frames * (MEANING.bits + 23 * SOUND.bits)
    return neural(
        title=f"FlexiCodec, {frames:g} Hz",
        group=Group.SEMANTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=books,
        semantic_codebooks=(0,),
        variable_rate=merges,
        counted_otherwise=((f"without durations, at {frames:g} Hz", unsaid),) if merges else (),
        licence="MIT",
        source="https://github.com/amphionspace/FlexiCodec",
        weights=(
            *hugging_face("jiaqili3/flexicodec", "12hz_v1_half_config.yaml", "12hz_v1_half.safetensors"),
            *hugging_face("FunAudioLLM/SenseVoiceSmall", "config.yaml", "model.pt"),
        ),
        min_samples=2 * HOP,
        padding=400,  # its features are of whole windows
        configuration=f"{threshold:g}",
    )


class FlexiCodec(IsolatedCodec):
    """FlexiCodec (Li et al., ICLR 2026), 16 kHz: a semantic codebook of SenseVoice's features and 23 acoustic ones.

    At 12.5 frames/s, 1 to 24 codebooks, 0.19 to 3.64 kbit/s; its makers' default is 8. No frames are merged.

    SenseVoice's front end adds noise of one step of 16 bits to the recording, as upstream leaves it; it is seeded.
    Upstream drops the end of a recording that does not fill a frame of both encoders, up to 95 ms; so does this.

    Source:
        https://arxiv.org/abs/2510.00981, https://github.com/amphionspace/FlexiCodec
    """

    name = "flexicodec"
    prefixes: ClassVar[tuple[int, ...]] = (1, 8, 24)
    spec = _flexicodec(1, 12.5)
    environment = Environment(
        "flexicodec",
        without_dependencies=("flexicodec==0.1.2", "funasr==1.4.16", "easydict>=1.9", "einops>=0.6"),
        inherits=True,
        borrowed=("pyyaml", "safetensors>=0.4", "scipy", "torchaudio", "transformers>=4.50,<6"),
        size=10_000_000,
    )
    worker = Path(__file__).with_name("worker.py")


class FlexiCodec8(FlexiCodec):
    """FlexiCodec at a threshold of .91, about 8.3 groups/s: neighbouring frames that are alike are sent once.

    The decoder needs to know how many frames a group has, 1 to 8, which is the second codebook: 3 bits. How many groups
    there are depends on the recording, so bits are counted. Latents have the groups' frames; what looks at the tokens
    alone takes the groups of a recording as equally long.
    """

    name = "flexicodec-8.3hz"
    prefixes = (2, 9, 25)
    spec = _flexicodec(0.91, 8.3)

    @override
    def cannot_decode(self, codebooks: int) -> str | None:
        if codebooks == 1:
            return f"{self.name} decodes 2 to 25 codebooks, not 1: the second one has durations"
        return super().cannot_decode(codebooks)

    @override
    def tokens(self, codes: IntArray | list[IntArray]) -> Tokens:
        made = super().tokens(codes)
        groups, frames = len(codes[1]), int(codes[1].sum()) + len(codes[1])
        rate = Fraction(self.spec.input_rate * groups, HOP * max(1, frames))
        return replace(made, streams=tuple(replace(stream, rate=rate) for stream in made.streams))


class FlexiCodec6(FlexiCodec8):
    """At a threshold of .86, about 6.25 groups/s."""

    name = "flexicodec-6.25hz"
    spec = _flexicodec(0.86, 6.25)
