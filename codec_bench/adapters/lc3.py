"""LC3, the codec of Bluetooth LE Audio, through lc3py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from codec_bench.adapters.classic import ClassicCodec, Pcm, classic, from_pcm
from codec_bench.adapters.spec import CodecSpec
from codec_bench.audio import FloatArray
from codec_bench.errors import CodecError

RATE = 16_000
FRAME_MICROSECONDS = 10_000


class Lc3(ClassicCodec):
    """LC3 at 16 kHz in frames of 10 ms; a mode is a bit rate."""

    name = "lc3"
    packages = ("lc3py",)
    title = "LC3"
    specs: ClassVar[Mapping[str, CodecSpec]] = {
        mode: classic(
            f"LC3 {mode}",
            RATE,
            hop=160,
            packet_bits=int(mode) // 100,
            delay=40,  # that of `Decoder.get_delay_samples`, and the one that is measured
            licence="Apache-2.0",
            source="Bluetooth SIG, Low Complexity Communication Codec 1.0.1",
        )
        for mode in ("16000", "24000", "32000")
    }
    modes = tuple(specs)
    modules = ("lc3",)
    extra = "lc3"

    def _packets(self, frames: Pcm) -> tuple[Sequence[bytes], bytes]:
        import lc3

        size = self.bit_rate // 800
        try:
            encoder = lc3.Encoder(FRAME_MICROSECONDS, RATE)
            return [encoder.encode(frame.tobytes(), size, 16) for frame in frames], b""
        except lc3.BaseError as error:
            raise CodecError(f"liblc3: {error}") from error

    def _samples(self, packets: Sequence[bytes], header: bytes) -> FloatArray:
        import lc3

        try:
            decoder = lc3.Decoder(FRAME_MICROSECONDS, RATE)
            pcm = b"".join(decoder.decode(packet, 16) for packet in packets)
        except lc3.BaseError as error:
            raise CodecError(f"liblc3: {error}") from error
        return from_pcm(np.frombuffer(pcm, np.int16))
