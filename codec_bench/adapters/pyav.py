"""Codecs of FFmpeg's libraries, through PyAV: Opus, AMR-NB, G.722, G.723.1, G.726, mu-law, MP3 and AAC."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from importlib.metadata import files
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from codec_bench.adapters.classic import ClassicCodec, Pcm, classic, from_pcm, split
from codec_bench.adapters.spec import CodecSpec
from codec_bench.audio import Audio, FloatArray, resample
from codec_bench.errors import CodecError, UsageError

LICENCE = "LGPL-2.1 (FFmpeg)"
INSTALL = "pip install --only-binary av 'av>=15,<19'"


class AvCodec(ClassicCodec):
    """A codec of FFmpeg's; a new encoder or decoder for every recording.

    Class attributes:
        title: Name for people, where a mode makes it longer.
        encoder: FFmpeg's name of the encoder.
        decoder: FFmpeg's name of the decoder.
        library: The library besides FFmpeg's own that decides the result, by its file name; empty for none.
        sample_format: What the encoder takes: `s16`, or `fltp` for float.
        options: Private options of the encoder.
        has_bit_rate: Whether the mode is the bit rate that the encoder is to use.
        skipped: Samples at the start that the decoder drops itself, for which another packet may be needed.
    """

    title: ClassVar[str]
    packages = ("av",)
    encoder: ClassVar[str]
    decoder: ClassVar[str]
    library: ClassVar[str] = ""
    sample_format: ClassVar[str] = "s16"
    options: ClassVar[Mapping[str, str]] = {}
    has_bit_rate: ClassVar[bool] = True
    skipped: ClassVar[int] = 0

    @override
    @classmethod
    def unsupported(cls) -> str | None:
        try:
            import av
        except ImportError:
            return f"PyAV is not installed: {INSTALL}"
        try:
            av.Codec(cls.encoder, "w")
            av.Codec(cls.decoder, "r")
        except av.codec.codec.UnknownCodecError as error:
            return f"PyAV {av.__version__} lacks the encoder or decoder {error}: {INSTALL}"
        return None

    def _packets(self, frames: Pcm) -> tuple[Sequence[bytes], bytes]:
        import av

        rate = self.spec.input_rate
        context: Any = av.CodecContext.create(self.encoder, "w")
        context.sample_rate, context.layout, context.format = rate, "mono", self.sample_format
        context.time_base = Fraction(1, rate)
        context.options = dict(self.options)
        if self.has_bit_rate:
            context.bit_rate = self.bit_rate
        try:
            packets = [packet for i in range(len(frames)) for packet in context.encode(self._frame(frames, i))]
            packets += context.encode(None)
        except av.FFmpegError as error:
            raise CodecError(f"{self.encoder}: {error}") from error
        # What a flushed encoder sends beyond the end of the recording says nothing about it.
        needed = -(-(frames.size + self.skipped) // frames.shape[1])
        return [bytes(packet) for packet in packets[:needed]], bytes(context.extradata or b"")

    def _frame(self, frames: Pcm, index: int) -> Any:
        import av

        samples = frames[index : index + 1]
        plane: NDArray[Any] = samples if self.sample_format == "s16" else from_pcm(samples)
        frame = av.AudioFrame.from_ndarray(plane, format=self.sample_format, layout="mono")
        frame.sample_rate = self.spec.input_rate
        frame.pts = index * frames.shape[1]
        return frame

    def _samples(self, packets: Sequence[bytes], header: bytes) -> FloatArray:
        import av

        context: Any = av.CodecContext.create(self.decoder, "r")
        context.sample_rate, context.layout = self.spec.input_rate, "mono"
        if header:
            context.extradata = header
        try:
            frames = [frame for packet in packets for frame in context.decode(av.Packet(packet))]
            frames += context.decode(None)
        except av.FFmpegError as error:
            raise CodecError(f"{self.decoder}: {error}") from error
        return self._joined(frames)

    def _joined(self, frames: Sequence[Any]) -> FloatArray:
        """The samples of decoded frames at the rate of the codec."""
        if not frames:
            raise CodecError(f"{self.decoder} decoded nothing")
        samples = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)[0]
        decoded = from_pcm(samples) if samples.dtype == np.int16 else np.asarray(samples, np.float32)
        return resample(Audio(decoded, frames[0].sample_rate), self.spec.input_rate).samples

    def _fingerprint_parts(self) -> Mapping[str, Any]:
        import av

        library = [name for name in _bundled() if self.library and name.startswith(self.library)]
        return {"libavcodec": list(av.library_versions["libavcodec"]), "library": library}


@cache
def _bundled() -> list[str]:
    """File names in the wheel, which hold the version and digest of the bundled libraries."""
    return sorted(file.name for file in files("av") or [])


class Opus(AvCodec):
    """Opus at 16 kHz in packets of 20 ms, variable bit rate; a mode is the target in bit/s.

    The decoder gets the encoder's pre-skip and drops it, which leaves no delay.
    """

    name = "opus"
    title = "Opus VBR"
    modes = ("6000", "8000", "12000", "16000", "24000", "32000")
    encoder = decoder = "libopus"
    library = "libopus"
    options: ClassVar = {"application": "voip", "frame_duration": "20", "vbr": "on"}
    # 312 samples at 48 kHz, the look-ahead of libopus for `voip` and `audio`.
    skipped = 104

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        """Any whole number of bit/s that FFmpeg's wrapper of libopus takes: 500 to 256000."""
        if mode is None or not (mode.isdecimal() and str(int(mode)) == mode):
            raise cls.no_such_mode(mode)
        if not 500 <= int(mode) <= 256_000:
            raise UsageError(f"{cls.name} takes 500 to 256000 bit/s, not {mode}")
        return classic(f"{cls.title} {mode}", 16_000, hop=320, licence="BSD-3-Clause", source="RFC 6716")


class OpusCbr(Opus):
    """Opus with a constant bit rate: every packet has the same number of bytes."""

    name = "opus-cbr"
    title = "Opus CBR"
    options: ClassVar = {**Opus.options, "vbr": "off"}


class AmrNb(AvCodec):
    """AMR narrow band, the speech codec of GSM and UMTS; a mode is a bit rate."""

    name = "amr-nb"
    title = "AMR-NB"
    # The speech bits of a frame are 20 ms of the bit rate (95 to 244). The packets have 8 more in front (the frame
    # type) and padding to whole bytes behind.
    specs: ClassVar[Mapping[str, CodecSpec]] = {
        mode: classic(
            f"AMR-NB {mode}",
            8000,
            hop=160,
            packet_bits=int(mode) // 50,
            delay=40,
            licence="Apache-2.0",
            source="3GPP TS 26.071, TS 26.104",
        )
        for mode in ("12200", "10200", "7950", "7400", "6700", "5900", "5150", "4750")
    }
    modes = tuple(specs)
    encoder = "libopencore_amrnb"
    decoder = "amrnb"
    library = "libopencore-amrnb"
    framing_bits = tuple(range(8))


class G722(AvCodec):
    """ITU-T G.722: two ADPCM bands, 64 kbit/s."""

    name = "g722"
    spec = classic("G.722", 16_000, hop=320, packet_bits=1280, delay=22, licence=LICENCE, source="ITU-T G.722")
    encoder = decoder = "g722"
    has_bit_rate = False


class G7231(AvCodec):
    """ITU-T G.723.1 at its high rate of 6.3 kbit/s."""

    name = "g723.1"
    # 189 bits per 30 ms are the speech; the packet of 24 bytes has 2 for its type and 1 that is not used. Its bytes
    # fill from their lowest bit on.
    spec = classic("G.723.1", 8000, hop=240, packet_bits=189, delay=60, licence=LICENCE, source="ITU-T G.723.1")
    encoder = decoder = "g723_1"
    framing_bits = (6, 7, 103)

    @property
    def bit_rate(self) -> int:
        """The only rate that FFmpeg's encoder has."""
        return 6300


class G726(AvCodec):
    """ITU-T G.726 ADPCM with 2 to 5 bits per sample; a mode is a bit rate."""

    name = "g726"
    title = "G.726"
    # The codec works sample by sample: packets of 20 ms as in RTP (RFC 3551), whatever FFmpeg's encoder hands out.
    specs: ClassVar[Mapping[str, CodecSpec]] = {
        mode: classic(
            f"G.726 {mode}", 8000, hop=160, packet_bits=int(mode) // 50, licence=LICENCE, source="ITU-T G.726"
        )
        for mode in ("40000", "32000", "24000", "16000")
    }
    modes = tuple(specs)
    encoder = decoder = "g726"

    def _packets(self, frames: Pcm) -> tuple[Sequence[bytes], bytes]:
        packets, header = super()._packets(frames)
        return split(b"".join(packets), self.bit_rate // 400), header

    def _samples(self, packets: Sequence[bytes], header: bytes) -> FloatArray:
        import av

        # PyAV offers no bits_per_coded_sample on a decoder, so the demuxer of raw G.726 has to set it.
        options = {"code_size": str(self.bit_rate // 8000), "sample_rate": "8000"}
        try:
            with av.open(io.BytesIO(b"".join(packets)), mode="r", format="g726", options=options) as container:
                return self._joined(list(container.decode(audio=0)))
        except av.FFmpegError as error:
            raise CodecError(f"{self.decoder}: {error}") from error


class MuLaw(AvCodec):
    """ITU-T G.711 mu-law: 8 bits per sample, 64 kbit/s."""

    name = "mulaw"
    spec = classic("G.711 mu-law", 8000, hop=160, packet_bits=1280, licence=LICENCE, source="ITU-T G.711")
    encoder = decoder = "pcm_mulaw"
    has_bit_rate = False


class Mp3(AvCodec):
    """MP3 (MPEG-2 layer III) at 16 kHz, constant bit rate; a mode is a bit rate."""

    name = "mp3"
    title = "MP3"
    specs: ClassVar[Mapping[str, CodecSpec]] = {
        mode: classic(
            f"MP3 {mode}",
            16_000,
            hop=576,
            delay=1105,
            licence="LGPL-2.0 (LAME)",
            source="ISO/IEC 13818-3",
            causal=False,
        )
        for mode in ("32000", "24000", "16000")
    }
    modes = tuple(specs)
    encoder = "libmp3lame"
    decoder = "mp3float"
    library = "libmp3lame"
    sample_format = "fltp"


class Aac(AvCodec):
    """AAC-LC at 16 kHz with FFmpeg's encoder; a mode is a target in bit/s."""

    name = "aac"
    title = "AAC-LC"
    specs: ClassVar[Mapping[str, CodecSpec]] = {
        mode: classic(
            f"AAC-LC {mode}", 16_000, hop=1024, delay=1024, licence=LICENCE, source="ISO/IEC 14496-3", causal=False
        )
        for mode in ("32000", "24000", "16000")
    }
    modes = tuple(specs)
    encoder = decoder = "aac"
    sample_format = "fltp"
