"""What a codec sends: tokens of any number of codebooks, each at its own rate, or the packets of a bitstream.

Both know their payload in bits and the time it lasts, so a bitrate is always computed and never typed in.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.errors import whole_number

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Codebook:
    """One codebook of a codec.

    Attributes:
        size: Number of entries.
        hop: Samples of the codec's input per token.
        packed_bits: Bits that a token takes in the codec's own stream, where its authors count whole bits for a size
            that is not a power of two; None counts log2(size).
    """

    size: int
    hop: int
    packed_bits: int | None = None

    def __post_init__(self) -> None:
        """Raises a `SpecError` for what is not whole, or too small."""
        for name, least in (("size", 1), ("hop", 1), ("packed_bits", 0)):
            value = getattr(self, name)
            if name != "packed_bits" or value is not None:
                object.__setattr__(self, name, whole_number(f"`{name}` of a Codebook", value, least))

    @property
    def bits(self) -> float:
        """Bits per token."""
        return float(self.packed_bits) if self.packed_bits is not None else math.log2(self.size)


@dataclass(frozen=True)
class Stream:
    """The tokens of one codebook.

    Attributes:
        codes: int64 `[frames]`, each in `[0, codebook.size)`.
        codebook: Which codebook they index.
        rate: Tokens per second.
    """

    codes: IntArray
    codebook: Codebook
    rate: Fraction

    def __post_init__(self) -> None:
        if self.codes.ndim != 1 or self.codes.dtype != np.int64:
            raise ValueError(f"codes are int64 [frames], not {self.codes.dtype} {self.codes.shape}")
        if len(self.codes) and not (0 <= self.codes.min() and self.codes.max() < self.codebook.size):
            raise ValueError(f"codes are in [0, {self.codebook.size}), not in [{self.codes.min()}, {self.codes.max()}]")


@dataclass(frozen=True)
class Tokens:
    """The tokens of one utterance, one stream per codebook, first codebook first.

    Attributes:
        streams: One per codebook; lengths and rates may differ (SNAC, LLM-Codec).
        samples: Length of the source recording in samples; set by `Codec.encode`.
        sample_rate: Rate of the source recording in Hz.
        side: Arrays that are sent once per utterance (a speaker vector), by name.
        side_bits: What the side information costs in bits.
    """

    streams: tuple[Stream, ...]
    samples: int = 0
    sample_rate: int = 0
    side: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    side_bits: int = 0

    @property
    def bits(self) -> float:
        """Payload in bits."""
        return sum(len(s.codes) * s.codebook.bits for s in self.streams) + self.side_bits

    @property
    def seconds(self) -> float:
        """The time that the tokens last, padding of the last frame included."""
        return max((float(len(s.codes) / s.rate) for s in self.streams), default=0.0)

    def prefix(self, codebooks: int | None) -> Tokens:
        """The tokens of the first `codebooks` codebooks (all of them for None)."""
        if codebooks is None or codebooks == len(self.streams):
            return self
        if not 1 <= codebooks <= len(self.streams):
            raise ValueError(f"there are {len(self.streams)} codebooks, not {codebooks}")
        return replace(self, streams=self.streams[:codebooks])

    def picked(self, books: Sequence[int]) -> Tokens:
        """The tokens of some codebooks alone, numbered from 0, without side information."""
        return replace(self, streams=tuple(self.streams[i] for i in books), side={}, side_bits=0)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays for a `.npz` file: `book_0`, `book_1`, ..., `side_NAME` and a JSON header."""
        header = {
            "kind": "tokens",
            "samples": self.samples,
            "sample_rate": self.sample_rate,
            "side_bits": self.side_bits,
            "streams": [
                {
                    "size": s.codebook.size,
                    "hop": s.codebook.hop,
                    "packed_bits": s.codebook.packed_bits,
                    "rate": [s.rate.numerator, s.rate.denominator],
                }
                for s in self.streams
            ],
        }
        arrays: dict[str, NDArray[Any]] = {"header": np.array(json.dumps(header))}
        arrays |= {f"book_{i}": s.codes for i, s in enumerate(self.streams)}
        return arrays | {f"side_{name}": np.asarray(value) for name, value in self.side.items()}


@dataclass(frozen=True)
class Bitstream:
    """The packets of one utterance.

    Attributes:
        packets: The payload as the codec framed it.
        bits: Payload bits, without the byte padding of a container.
        seconds: The time that the packets last: number of frames times their duration.
        samples: Length of the source recording in samples; set by `Codec.encode`.
        sample_rate: Rate of the source recording in Hz.
        header: Bytes that the decoder needs once (a codec's extradata); not counted, as a container sends it.
    """

    packets: tuple[bytes, ...]
    bits: int
    seconds: float
    samples: int = 0
    sample_rate: int = 0
    header: bytes = b""

    def prefix(self, codebooks: int | None) -> Bitstream:
        """A bitstream has no codebooks to cut."""
        if codebooks is not None:
            raise ValueError("a bitstream has no codebooks")
        return self

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays for a `.npz` file: the packets joined, their lengths, and a JSON header."""
        header = {
            "kind": "bitstream",
            "bits": self.bits,
            "seconds": self.seconds,
            "samples": self.samples,
            "sample_rate": self.sample_rate,
        }
        return {
            "header": np.array(json.dumps(header)),
            "payload": np.frombuffer(b"".join(self.packets), np.uint8),
            "lengths": np.array([len(p) for p in self.packets], np.int64),
            "extradata": np.frombuffer(self.header, np.uint8),
        }


Code = Tokens | Bitstream
"""What `Codec.encode` returns."""


def code_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Code:
    """The inverse of `to_arrays`.

    >>> book = Codebook(size=1024, hop=320)
    >>> tokens = Tokens((Stream(np.array([3, 1, 4]), book, Fraction(50)),), samples=900, sample_rate=16_000)
    >>> code_from_arrays(tokens.to_arrays()).bits
    30.0
    """
    header = json.loads(str(arrays["header"]))
    if header["kind"] == "bitstream":
        payload = arrays["payload"].tobytes()
        ends = np.cumsum(arrays["lengths"]).tolist()
        packets = tuple(payload[start:end] for start, end in zip([0, *ends][:-1], ends, strict=True))
        return Bitstream(
            packets,
            header["bits"],
            header["seconds"],
            header["samples"],
            header["sample_rate"],
            arrays["extradata"].tobytes(),
        )
    streams = tuple(
        Stream(
            arrays[f"book_{i}"].astype(np.int64),
            *_book_at(book["size"], book["hop"], book["packed_bits"], *book["rate"]),
        )
        for i, book in enumerate(header["streams"])
    )
    side = {name.removeprefix("side_"): array for name, array in arrays.items() if name.startswith("side_")}
    return Tokens(streams, header["samples"], header["sample_rate"], side, header["side_bits"])


@lru_cache(maxsize=1024, typed=True)  # a run reads the same few for every utterance
def _book_at(size: int, hop: int, packed_bits: int | None, *rate: int) -> tuple[Codebook, Fraction]:
    """A codebook, and the tokens per second of a stream of it."""
    return Codebook(size, hop, packed_bits), Fraction(*rate)
