"""Telephone coders of libsndfile: GSM 06.10, G.721 and NMS ADPCM."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from codec_bench.adapters.classic import ClassicCodec, Pcm, classic, split
from codec_bench.adapters.spec import CodecSpec
from codec_bench.audio import FloatArray
from codec_bench.errors import CodecError

RATE = 8000
LICENCE = "LGPL-2.1"


class SoundfileCodec(ClassicCodec):
    """A coder that libsndfile applies when it writes a file; the packets are the blocks of the file.

    Class attributes:
        subtypes: libsndfile's name of the coder by mode.
        container: A file format that can hold it; `RAW` has no header.
        header_bytes: Length of the header of the container.
    """

    packages = ("soundfile",)
    subtypes: ClassVar[Mapping[str | None, str]]
    container: ClassVar[str] = "RAW"
    header_bytes: ClassVar[int] = 0

    @override
    @classmethod
    def unsupported(cls) -> str | None:
        import soundfile

        missing = set(cls.subtypes.values()) - set(soundfile.available_subtypes(cls.container))
        if not missing:
            return None
        version = soundfile.__libsndfile_version__
        return f"libsndfile {version} has no {min(missing)}: pip install --only-binary soundfile -U soundfile"

    def _packets(self, frames: Pcm) -> tuple[Sequence[bytes], bytes]:
        import soundfile

        file = io.BytesIO()
        try:
            soundfile.write(
                file, frames.reshape(-1), RATE, format=self.container, subtype=self.subtypes[self.mode], endian="FILE"
            )
        except soundfile.LibsndfileError as error:
            raise CodecError(f"libsndfile: {error}") from error
        header, blocks = file.getvalue()[: self.header_bytes], file.getvalue()[self.header_bytes :]
        return split(blocks, len(blocks) // len(frames)), header

    def _samples(self, packets: Sequence[bytes], header: bytes) -> FloatArray:
        import soundfile

        told = (
            {} if header else {"samplerate": RATE, "channels": 1, "format": "RAW", "subtype": self.subtypes[self.mode]}
        )
        try:
            samples, _ = soundfile.read(io.BytesIO(header + b"".join(packets)), dtype="float32", **told)
        except soundfile.LibsndfileError as error:
            raise CodecError(f"libsndfile: {error}") from error
        decoded: FloatArray = samples
        return decoded

    def _fingerprint_parts(self) -> Mapping[str, Any]:
        import soundfile

        return {"libsndfile": soundfile.__libsndfile_version__}


class Gsm610(SoundfileCodec):
    """GSM full rate: 13 kbit/s."""

    name = "gsm"
    # The codec sends 260 bits per frame; files put a magic number of 4 bits before them, which makes 33 bytes.
    spec = classic("GSM 06.10", RATE, hop=160, packet_bits=260, licence=LICENCE, source="ETSI EN 300 961 (GSM 06.10)")
    subtypes: ClassVar = {None: "GSM610"}
    framing_bits = tuple(range(4))


class G721(SoundfileCodec):
    """ITU-T G.721 ADPCM: 32 kbit/s, now part of G.726."""

    name = "g721"
    # The codec works sample by sample; libsndfile writes blocks of 120 samples of 4 bits.
    spec = classic("G.721", RATE, hop=120, packet_bits=480, licence=LICENCE, source="ITU-T G.721 (1988)")
    subtypes: ClassVar = {None: "G721_32"}
    container = "AU"
    header_bytes = 24


class NmsAdpcm(SoundfileCodec):
    """ADPCM of Natural MicroSystems' voice boards with 2 to 4 bits per sample."""

    name = "nms-adpcm"
    title = "NMS ADPCM"
    # Every block of 160 codes ends in 16 bits with its level. They are part of the stream, so they count: it has
    # 800 bit/s more than the modes are called.
    specs: ClassVar[Mapping[str, CodecSpec]] = {
        mode: classic(
            f"NMS ADPCM {mode}",
            RATE,
            hop=160,
            packet_bits=int(mode) // 50 + 16,
            licence=LICENCE,
            source="https://github.com/libsndfile/libsndfile (nms_adpcm.c)",
        )
        for mode in ("32000", "24000", "16000")
    }
    modes = tuple(specs)
    subtypes: ClassVar = {m: f"NMS_ADPCM_{m[:2]}" for m in modes}
