"""CodecSlime, in an environment of its own: what it is and needs; `worker.py` runs there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.neural import neural
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.environments import Environment, Source
from codec_bench.hub import RemoteFile
from codec_bench.tokens import Codebook


def _codecslime(variant: str, size: int, rate: int) -> CodecSpec:
    """A variant at a number of segments per second; at 80 all of them last one frame, so that no duration is sent."""
    hop = 16_000 // rate
    codes, durations = Codebook(size, hop), Codebook(4, hop)
    return neural(
        title=f"CodecSlime {variant.upper()}, {rate} Hz",
        group=Group.ACOUSTIC,
        input_rate=16_000,
        output_rate=16_000,
        codebooks=(codes,) if rate == 80 else (codes, durations),
        counted_otherwise=() if rate == 80 else (("without durations", rate * codes.bits),),
        licence="MIT",
        weights_licence="CC-BY-4.0",
        source="https://github.com/X-LANCE/codecslime",
        weights=(
            RemoteFile(
                f"codecslime/codecslime-{variant}.safetensors",
                source="https://github.com/X-LANCE/codecslime/releases/download/v0.1.0/"
                f"codecslime-{variant}.safetensors",
            ),
        ),
        configuration=f"{variant} {rate}",
    )


class CodecSlimeVq(IsolatedCodec):
    """CodecSlime (Wang et al., 2025), 16 kHz, over a codebook of 8192: frames of 80 Hz merged into segments of 1 to 4.

    At 40 segments/s a code and its duration, which the decoder needs, take 13 + 2 bits, 0.6 kbit/s. The paper counts
    the codes alone, 0.52; `counted_otherwise` has that. How many segments there are depends on the length alone, where
    they end on the audio. Finding that takes time that grows with the square of the length.

    Source:
        https://arxiv.org/abs/2506.21074, https://github.com/X-LANCE/codecslime
    """

    name = "codecslime-vq8k"
    any_prefix = False
    specs: ClassVar[Mapping[str, CodecSpec]] = {f"{rate}hz": _codecslime("vq8k", 8192, rate) for rate in (40, 80)}
    modes = tuple(specs)
    environment = Environment(
        "codecslime",
        without_dependencies=("einops>=0.6",),
        sources=(
            Source(
                "X-LANCE/codecslime",
                "bbe92ac72427464212c9e94de45efa5306e50e28",
                paths=("src/codecslime",),
                tree="7aebac8638798b6c43d277746259be9a269aa267332030d3945ba14158e0ab16",
            ),
        ),
        inherits=True,
        borrowed=("safetensors>=0.4",),
    )
    worker = Path(__file__).with_name("worker.py")
    call_timeout = 1800.0


class CodecSlimeFsq(CodecSlimeVq):
    """CodecSlime over a finite scalar quantizer of 18,225 values: 0.646 kbit/s at 40 segments/s."""

    name = "codecslime-fsq18k"
    specs: ClassVar[Mapping[str, CodecSpec]] = {f"{rate}hz": _codecslime("fsq18k", 18_225, rate) for rate in (40, 80)}
    modes = tuple(specs)
