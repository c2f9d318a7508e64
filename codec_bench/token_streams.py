"""Every code as tokens, so that what looks at tokens can look at the codecs that send packets of bits, too."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from codec_bench.errors import UsageError
from codec_bench.tokens import Bitstream, Code, Codebook, IntArray, Stream, Tokens

FIELD_BITS = 8
"""Widest field that a packet is cut into: 256 entries can still be counted, and each can have an embedding."""


def tokens_of(code: Code) -> Tokens:
    r"""The tokens of a code; packets of one fixed size become tokens without loss.

    A packet of `b` bits is cut from its first bit on into fields of 8 bits, the last one with what is left. Each field
    is a pseudo-codebook of `2 ** bits` entries with one token per packet. The fields are those of the packet's bytes,
    not of the codec's parameters, which may begin in the middle of one.

    Args:
        code: What `Codec.encode` returned. Tokens come back as they are.

    Returns:
        Tokens with the same payload bits; the hop of a pseudo-codebook counts samples of the recording.

    Raises:
        UsageError: The packets have no fixed size, so that a bit means something else in each of them.

    >>> tokens = tokens_of(Bitstream((b"\x01\xf0", b"\x02\x30"), bits=24, seconds=0.04, sample_rate=8000))
    >>> [(s.codebook.size, s.codes.tolist(), str(s.rate)) for s in tokens.streams]
    [(256, [1, 2], '50'), (16, [15, 3], '50')]
    """
    if isinstance(code, Tokens):
        return code
    size = _packet_bits(code)
    count = len(code.packets)
    rate = Fraction(count / code.seconds).limit_denominator(1_000_000)
    hop = max(1, round(code.sample_rate / rate))
    packets = np.frombuffer(b"".join(code.packets), np.uint8).reshape(count, -1).astype(np.int64)
    streams = []
    for index, start in enumerate(range(0, size, FIELD_BITS)):
        width = min(FIELD_BITS, size - start)
        codes: IntArray = np.ascontiguousarray(packets[:, index] >> (8 - width))
        streams.append(Stream(codes, Codebook(2**width, hop), rate))
    return Tokens(tuple(streams), code.samples, code.sample_rate)


def _packet_bits(code: Bitstream) -> int:
    """Bits per packet, where all have as many."""
    lengths = {len(packet) for packet in code.packets}
    if not code.packets or code.seconds <= 0:
        raise UsageError("a bitstream without packets has no tokens")
    bits, rest = divmod(code.bits, len(code.packets))
    if len(lengths) > 1 or rest or -(-bits // 8) != next(iter(lengths)):
        raise UsageError(
            f"its packets are of {min(lengths)} to {max(lengths)} bytes, and a bit at one place means something else "
            "in each: a codec with entropy coding or a variable rate has no frozen tokens; take one with codebooks or "
            "packets of a fixed size, e.g. lyra or codec2"
        )
    return bits
