"""What follows from a codec's description, without any audio: the figures of efficiency tables, and bitrates."""

from __future__ import annotations

import math

from codec_bench.adapters import CODECS
from codec_bench.adapters.codec import Codec
from codec_bench.adapters.systems import split_setting, with_setting
from codec_bench.errors import UsageError
from codec_bench.records import NotScorable
from codec_bench.reproduction.paper import Fact, Value
from codec_bench.speed.latency import algorithmic_delay


def codec_of(system: str) -> Codec:
    """The codec of a system (`mimi@8`, `snac-24khz`) at its setting; nothing is loaded or downloaded.

    Raises:
        UsageError: There is no such codec or setting.

    >>> codec = codec_of("mimi@8")
    >>> codec.spec.bitrate(codec.codebooks)
    1100.0
    """
    base, setting = split_setting(system)
    return with_setting(CODECS.get(base), setting)


def fact_of(system: str, fact: Fact) -> Value:
    """One figure of a system; None if it is not published.

    Raises:
        UsageError: There is no such codec or setting.

    >>> fact_of("snac-24khz", "token_rate"), fact_of("snac-24khz", "streaming")
    (82.03125, False)
    """
    codec = codec_of(system)
    spec, count = codec.spec, codec.codebooks
    books = spec.codebooks[:count]
    figures: dict[Fact, Value] = {
        "streaming": spec.streaming,
        "causal": spec.causal,
        "delay_ms": _delay_ms(codec),
        "parameters_m": None if spec.parameters is None else spec.parameters / 1e6,
        "frame_rate_hz": spec.frame_rate,
        "bitrate_bps": spec.bitrate(count),
        "codebooks": float(len(books)) or None,
        "token_rate": None if spec.variable_rate else float(sum(spec.token_rate(i) for i in range(len(books)))) or None,
    }
    return figures[fact]


def _delay_ms(codec: Codec) -> float | None:
    """Milliseconds that no computer can shorten; None if the codec is not run frame by frame."""
    try:
        return 1000 * algorithmic_delay(codec)
    except NotScorable:
        return None


def possible_bitrates(system: str) -> tuple[float, ...]:
    """Bit/s of a system by log2 of the codebook sizes, and by whole bits per token, as some papers count.

    Raises:
        UsageError: There is no such codec or setting, or it has no codebooks.

    >>> [round(bitrate) for bitrate in possible_bitrates("stable-codec@2x15625_700bps")]
    [697, 700]
    """
    codec = codec_of(system)
    books = codec.spec.codebooks[: codec.codebooks]
    if not books:
        raise UsageError(f"{system} has no codebooks to compute a bitrate from")
    rated = [(float(codec.spec.token_rate(i)), math.log2(book.size)) for i, book in enumerate(books)]
    return sum(rate * bits for rate, bits in rated), sum(rate * math.ceil(bits) for rate, bits in rated)
