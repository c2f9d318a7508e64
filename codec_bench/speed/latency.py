"""How long a listener waits: the delay that no computer can shorten, and what a stream needs besides."""

from __future__ import annotations

from codec_bench.adapters.codec import Codec
from codec_bench.records import NotScorable


def algorithmic_delay(codec: Codec) -> float:
    """Seconds from a sample's going in to its coming out, on an infinitely fast computer: a frame and what the codec
    looks ahead.

    The frame must be full before it is encoded. The look-ahead of encoder and decoder is the lag of the decoded audio,
    also where the decoder cuts it off itself (Opus).

    Raises:
        NotScorable: The codec is not run frame by frame.
    """
    spec = codec.spec
    if spec.streaming is None:
        raise NotScorable("it is not known whether it can run frame by frame")
    hops = [book.hop for book in spec.codebooks] or ([spec.hop] if spec.hop else [])
    if not spec.streaming or not hops:
        raise NotScorable("it is run on whole recordings, not frame by frame")
    lag = spec.delay + int(getattr(codec, "skipped", 0))
    return max(hops) / spec.input_rate + lag / spec.output_rate
