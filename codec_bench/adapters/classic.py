"""What the classic codecs share: whole frames of 16-bit samples in, packets out, a fixed delay."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.audio import FloatArray
from codec_bench.tokens import Bitstream, Code

Pcm = NDArray[np.int16]

FULL_SCALE = 32768
"""The 16-bit value of 1.0, in both directions, so that what was read from a 16-bit file comes back unchanged."""


def classic(
    title: str,
    rate: int,
    hop: int,
    packet_bits: int | None = None,
    delay: int = 0,
    *,
    licence: str,
    source: str,
    causal: bool = True,
) -> CodecSpec:
    """What a codec without learned parts is at a mode; see `CodecSpec`.

    `rate` is that of input and output, `hop` that of packets; the licence is that of the implementation that runs. A
    codec is causal where a packet depends on the input up to its own end, whatever the delay of the signal inside it.
    """
    return CodecSpec(
        title,
        Group.CLASSIC,
        rate,
        rate,
        hop=hop,
        packet_bits=packet_bits,
        delay=delay,
        causal=causal,
        streaming=True,
        licence=licence,
        source=source,
    )


class ClassicCodec(Codec):
    """A codec without learned parts; an adapter gives its data and codes packets.

    The delays are measured: where the waveform is kept, as the peak of the cross-correlation of recorded speech with
    its decoded version (`tests/adapters/test_classic.py` repeats it).
    """

    @property
    def bit_rate(self) -> int:
        """The mode as bit/s, for codecs whose modes are bit rates."""
        return int(self.mode or 0)

    @abstractmethod
    def _packets(self, frames: Pcm) -> tuple[Sequence[bytes], bytes]:
        """Encodes int16 `[packets, hop]` to the packets and to what the decoder needs once."""

    @abstractmethod
    def _samples(self, packets: Sequence[bytes], header: bytes) -> FloatArray:
        """Decodes packets to float32 `[n]`."""

    def _encode(self, samples: FloatArray) -> Bitstream:
        hop, packet_bits = self.spec.hop or 1, self.spec.packet_bits
        packets, header = self._packets(to_pcm(np.pad(samples, (0, -len(samples) % hop)).reshape(-1, hop)))
        bits = 8 * sum(map(len, packets)) if packet_bits is None else packet_bits * len(packets)
        return self.bitstream(list(packets), bits, header)

    def _decode(self, code: Code) -> FloatArray:
        if not isinstance(code, Bitstream):
            raise TypeError(f"{self.name} decodes bitstreams, not {type(code).__name__}")
        return self._samples(code.packets, code.header)


def to_pcm(samples: FloatArray) -> Pcm:
    """Rounds float samples to 16 bit and clips what lies outside [-1, 1).

    >>> to_pcm(np.array([-2, -0.5, 0.5, 1], np.float32)).tolist()
    [-32768, -16384, 16384, 32767]
    """
    return np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def from_pcm(samples: Pcm) -> FloatArray:
    """The inverse of `to_pcm`, in [-1, 1)."""
    return samples.astype(np.float32) / np.float32(FULL_SCALE)


def split(data: bytes, size: int) -> list[bytes]:
    """Cuts a byte stream into packets of `size` bytes.

    >>> split(b"abcdef", 3)
    [b'abc', b'def']
    """
    return [data[start : start + size] for start in range(0, len(data), size)]
