"""Decoding as it is done in a call: tokens in as they come, samples out as soon as they are final."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.codec import Codec
from codec_bench.audio import Audio
from codec_bench.records import NotScorable
from codec_bench.tokens import Code, Tokens


class Session(Protocol):
    """A stream that is being decoded."""

    def push(self, frames: NDArray[np.int64]) -> NDArray[np.float32]:
        """Takes the next frames, `[codebooks, k]`, and gives the samples that no later frame can change."""

    def flush(self) -> NDArray[np.float32]:
        """Ends the stream and gives the samples that still waited for more frames."""


@runtime_checkable
class Streams(Protocol):
    """A codec whose adapter decodes streams, e.g. `longcat-24k`."""

    def stream(self) -> Session:
        """A new session.

        Raises:
            CodecError: The codec is not loaded, or cannot do so.
        """


@dataclass(frozen=True)
class Streamed:
    """A code that was decoded piece by piece.

    Attributes:
        audio: All samples, as `Codec.decode` would give them.
        piece: Seconds that a piece lasts.
        first: Seconds until the first samples: those that the pieces up to it last, and of decoding the last of these.
        compute: Seconds of wall time by piece.
    """

    audio: Audio
    piece: float
    first: float
    compute: tuple[float, ...]


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


def decoded_in_pieces(codec: Codec, code: Code, seconds: float) -> Streamed:
    """Decodes a code in pieces of at least so many seconds, and of at least a frame.

    Args:
        codec: Loaded.
        code: With the codebooks that are to be decoded.
        seconds: Of a piece.

    Raises:
        NotScorable: The codec decodes no streams, or the code has no frames.
        CodecError: It fails.
    """
    if not isinstance(codec, Streams):
        raise NotScorable(f"{codec.name} decodes whole recordings, not streams")
    frames, lasting = frames_of(code)
    together = max(1, math.ceil(round(seconds / lasting, 6)))
    session = codec.stream()
    samples: list[NDArray[np.float32]] = []
    compute: list[float] = []
    first = 0.0
    for start in range(0, frames.shape[1], together):
        begun = time.perf_counter()
        samples.append(session.push(frames[:, start : start + together]))
        compute.append(time.perf_counter() - begun)
        if not first and len(samples[-1]):
            first = min(start + together, frames.shape[1]) * lasting + compute[-1]
    begun = time.perf_counter()
    samples.append(session.flush())
    if not first:
        first = frames.shape[1] * lasting + time.perf_counter() - begun
    audio = codec.finished(code, code, np.concatenate(samples))
    return Streamed(audio, together * lasting, first, tuple(compute))
