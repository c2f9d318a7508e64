"""What follows from a codec's description, without any audio: the figures of efficiency tables, and bitrates."""

from __future__ import annotations

import math

from codec_bench.adapters import CODECS
from codec_bench.adapters.codec import Codec, CodecSpec
from codec_bench.adapters.systems import split_setting
from codec_bench.errors import UsageError
from codec_bench.reproduction.paper import Fact, Value


def codec_of(system: str) -> tuple[type[Codec], CodecSpec, int | None]:
    """The class, the description, and the number of codebooks of a system; nothing is loaded or downloaded.

    Args:
        system: `mimi@8`, `stable-codec@2x15625_700bps`, `snac-24khz`.

    Returns:
        The number of codebooks is None where all are used.

    Raises:
        UsageError: There is no such codec or setting.

    >>> cls, spec, count = codec_of("mimi@8")
    >>> spec.bitrate(count)
    1100.0
    """
    base, setting = split_setting(system)
    cls = CODECS.get(base)
    if setting is None or cls.modes:
        return cls, cls.mode_spec(setting), None
    try:
        count = int(setting)
    except ValueError:
        raise cls.no_such_mode(setting) from None
    return cls, cls(codebooks=count).spec, count


def fact_of(system: str, fact: Fact) -> Value:
    """One figure of a system; None if it is not published.

    Raises:
        UsageError: There is no such codec or setting.

    >>> fact_of("snac-24khz", "token_rate"), fact_of("snac-24khz", "streaming")
    (82.03125, False)
    """
    _, spec, count = codec_of(system)
    books = spec.codebooks[:count]
    figures: dict[Fact, Value] = {
        "streaming": spec.streaming,
        "parameters_m": None if spec.parameters is None else spec.parameters / 1e6,
        "frame_rate_hz": spec.frame_rate,
        "bitrate_bps": spec.bitrate(count),
        "codebooks": float(len(books)) or None,
        "token_rate": float(sum(spec.token_rate(i) for i in range(len(books)))) or None,
    }
    return figures[fact]


def possible_bitrates(system: str) -> tuple[float, ...]:
    """Bit/s of a system by log2 of the codebook sizes, and by whole bits per token, as some papers count.

    Raises:
        UsageError: There is no such codec or setting, or it has no codebooks.

    >>> [round(bitrate) for bitrate in possible_bitrates("stable-codec@2x15625_700bps")]
    [697, 700]
    """
    _, spec, count = codec_of(system)
    books = spec.codebooks[:count]
    if not books:
        raise UsageError(f"{system} has no codebooks to compute a bitrate from")
    rates = [float(spec.token_rate(i)) for i in range(len(books))]
    exact = sum(rate * math.log2(book.size) for rate, book in zip(rates, books, strict=True))
    whole = sum(rate * math.ceil(math.log2(book.size)) for rate, book in zip(rates, books, strict=True))
    return exact, whole
