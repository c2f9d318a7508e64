"""What the classic codecs share: whole frames of 16-bit samples in, packets out, a fixed delay."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.codec import Codec, CodecSpec, Group
from codec_bench.audio import FloatArray
from codec_bench.errors import UsageError
from codec_bench.tokens import Bitstream, Code

Pcm = NDArray[np.int16]

FULL_SCALE = 32768
"""The 16-bit value of 1.0, in both directions, so that what was read from a 16-bit file comes back unchanged."""


@dataclass(frozen=True)
class Setting:
    """What differs between the modes of a codec.

    Attributes:
        rate: Sampling rate in Hz of input and output.
        hop: Samples per packet.
        packet_bits: Payload bits of every packet, without the padding to whole bytes; None counts the bytes that each
            packet has.
        delay: Samples by which the decoded audio lags behind the input.
    """

    rate: int
    hop: int
    packet_bits: int | None = None
    delay: int = 0


class ClassicCodec(Codec):
    """A codec without learned parts; an adapter gives its data and codes packets.

    The delays are measured: where the waveform is kept, as the peak of the cross-correlation of recorded speech with
    its decoded version (`tests/adapters/test_classic.py` repeats it).

    Class attributes:
        title: Name for people.
        settings: By mode; the key is None where there is nothing to set.
        licence: Of the implementation that runs.
        source: Standard or RFC.
        causal: Whether a packet depends only on the input up to its own end (a delay of the signal inside the codec
            does not matter).
    """

    title: ClassVar[str]
    settings: ClassVar[Mapping[str | None, Setting]]
    licence: ClassVar[str]
    source: ClassVar[str]
    causal: ClassVar[bool] = True

    @classmethod
    def setting(cls, mode: str | None) -> Setting:
        """What the codec is at a mode.

        Raises:
            UsageError: There is no such mode.
        """
        if mode in cls.settings:
            return cls.settings[mode]
        raise cls.no_such_mode(mode) if cls.modes else UsageError(f"{cls.name} has no settings, so {mode!r} is none")

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        """The spec of a mode.

        Raises:
            UsageError: There is no such mode.
        """
        setting = cls.setting(mode)
        return CodecSpec(
            f"{cls.title} {mode}" if mode else cls.title,
            Group.CLASSIC,
            setting.rate,
            setting.rate,
            hop=setting.hop,
            delay=setting.delay,
            causal=cls.causal,
            streaming=True,
            licence=cls.licence,
            source=cls.source,
        )

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
        setting = self.setting(self.mode)
        whole = np.pad(samples, (0, -len(samples) % setting.hop)).reshape(-1, setting.hop)
        packets, header = self._packets(to_pcm(whole))
        bits = 8 * sum(map(len, packets)) if setting.packet_bits is None else setting.packet_bits * len(packets)
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
