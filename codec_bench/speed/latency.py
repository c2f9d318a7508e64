"""How long a listener waits: the delay that no computer can shorten, and what a stream needs besides."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.codec import Codec
from codec_bench.records import NotScorable
from codec_bench.tokens import Code, Tokens


class Session(Protocol):
    """A stream that is being decoded."""

    def push(self, frames: NDArray[np.int64]) -> NDArray[np.float32]:
        """Takes the next frames, `[codebooks, k]`, and gives the samples that no later frame can change."""


@runtime_checkable
class Streams(Protocol):
    """A codec whose adapter decodes streams, e.g. `longcat-24k`."""

    def stream(self) -> Session:
        """A new session.

        Raises:
            CodecError: The codec is not loaded, or cannot do so.
        """


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


def frames_of(code: Code) -> tuple[NDArray[np.int64], float]:
    """Tokens as a decoder of streams takes them: int64 `[codebooks, frames]`, and the seconds that a frame lasts.

    Raises:
        NotScorable: There are no tokens, or codebooks of different rates.
    """
    if not isinstance(code, Tokens):
        raise NotScorable("it sends packets, not tokens")
    if len({(stream.rate, len(stream.codes)) for stream in code.streams}) != 1:
        raise NotScorable("its codebooks differ in rate")
    return np.stack([stream.codes for stream in code.streams]), float(1 / code.streams[0].rate)
