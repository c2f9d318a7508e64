"""What the header of an audio file states: which library has to read it, and how long the recording is.

Sizes in a header are claims. Nothing is allocated from them; they are compared with the bytes that are there, to tell a
truncated file from a short recording. The writer of a stream does not know the length and puts a placeholder there; so
such a file ends where its bytes end.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from itertools import takewhile
from typing import Literal, NamedTuple

SOUND = (
    "mov,mp4,m4a,matroska,webm,aac,loas,ac3,eac3,amr,amrnb,amrwb,asf,ape,dsf,dts,dtshd,flv,avi,mlp,mp3,mpc,mpc8,"
    "mpegts,oma,qoa,shn,tak,truehd,tta,wv"
)
"""FFmpeg's demuxers of files that hold sound and that libsndfile does not know.

Others are left out because they open what a text names: files, sockets, devices (SDP, HLS, DASH, concat), or take any
text for subtitles."""

_WAV_TAGS = {0x0001, 0x0002, 0x0003, 0x0006, 0x0007, 0x0011, 0x0031, 0x0038, 0x0040, 0x0055, 0xFFFE}
"""Encodings of WAV that libsndfile decodes; G.726, AC-3, ATRAC and many more are left to FFmpeg."""

_CAF_FORMATS = {b"lpcm", b"alac", b"ulaw", b"alaw"}

_OGG_CODECS = (b"\x01vorbis", b"OpusHead")
"""libsndfile's FLAC in Ogg fails at the end of files that FFmpeg wrote."""

_STREAM_WINDOW = 1 << 16
"""Bytes below 2^31 and 2^32: writers to a pipe put one of these less the header or a round number, as `0x7FFFF000`."""


class _Chunk(NamedTuple):
    """A chunk of a container: what it is, where its size stands, where its content begins, what its size says."""

    kind: bytes
    at: int
    start: int
    size: int


def foreign_demuxer(data: bytes) -> str:
    """FFmpeg's demuxer for an encoding that libsndfile does not know in a container that it knows; else ""."""
    if _is_wav(data):
        found = _find(_chunks(data), b"fmt ")
        tag = int.from_bytes(data[found.start : found.start + 2], _order(data)) if found else 0x0001
        return "" if tag in _WAV_TAGS else "wav"
    if data[:4] == b"caff":
        found = _find(_chunks(data), b"desc")
        return "caf" if found and data[found.start + 8 : found.start + 12] not in _CAF_FORMATS else ""
    if data[:4] == b"OggS":
        packet = data[27 + data[26] :][:8] if len(data) > 27 else b""
        return "" if packet.startswith(_OGG_CODECS) else "ogg"
    return ""


def completed(data: bytes) -> bytes:
    """A file as libsndfile reads it in full; most as they are.

    Where the writer left the length open, it is filled in. Lists of texts before the sound of a WAV file are left out,
    as libsndfile loses its way in one of an odd size.
    """
    flac = _flac_start(data)
    if flac is not None:
        return _with_total(data, flac)
    sound = _sound_chunk(data)
    if sound is None or sound.start >= len(data):
        return data
    held = len(data) - sound.start
    if data[:4] == b"caff" and sound.size == -1:
        return data[: sound.at] + struct.pack(">q", held) + data[sound.start :]
    if not _is_wav(data):
        return data
    before = list(takewhile(lambda chunk: chunk.kind != b"data", _chunks(data)))
    if sound.size or not _is_open(data, sound):
        if data[:4] == b"RF64" or all(chunk.kind != b"LIST" for chunk in before):
            return data
        held = min(held, sound.size)
    order = _order(data)
    kept = b"".join(data[c.at - 4 : c.start + c.size + c.size % 2] for c in before if c.kind in (b"fmt ", b"fact"))
    size = min(held, 0xFFFFFFFF).to_bytes(4, order)
    # Not RF64: its size would count that stands in `ds64`.
    kind = b"RIFX" if order == "big" else b"RIFF"
    whole = min(len(kept) + 12 + held, 0xFFFFFFFF).to_bytes(4, order)
    return b"".join((kind, whole, b"WAVE", kept, b"data", size, data[sound.start : sound.start + held]))


def without_peak(data: bytes) -> bytes:
    """A WAV file without the chunk in which libsndfile notes when it wrote it: the same samples are the same bytes."""
    found = _find(_chunks(data), b"PEAK")
    if found is None:
        return data
    start, end = found.at - 4, found.start + found.size
    size = int.from_bytes(data[4:8], "little") - (end - start)
    return data[:4] + size.to_bytes(4, "little") + data[8:start] + data[end:]


_OGG_PAGE = 255 * 65_535
"""Samples that a page of Ogg holds at most: 255 packets, of which those of FLAC are the longest."""


def promised(data: bytes, decoded: int) -> float:
    """Samples per channel that the header promises, of which `decoded` were found; 0 where it promises nothing."""
    if data[:3] == b"ID3" or data[:1] == b"\xff":
        return _promised_by_mp3(data)
    if data[:4] == b"OggS":
        return _leap_in_ogg(data)
    sound = _sound_chunk(data)
    if sound is None or _is_open(data, sound):
        return 0
    held = len(data) - sound.start
    by_bytes = decoded * sound.size / held if 0 < held < sound.size else 0
    common = _find(_chunks(data), b"COMM") if data[:4] == b"FORM" else None
    frames = int.from_bytes(data[common.start + 2 : common.start + 6], "big") if common else 0
    return max(by_bytes, frames)


def _leap_in_ogg(data: bytes) -> float:
    """Where a page of Ogg says that the sound ends, if no page can hold so much; its readers drop such a page silently.

    A stream that was joined late begins at any place, so that the first page with sound tells nothing.
    """
    start, before = 0, 0
    while len(data) >= start + 27 and data[start : start + 4] == b"OggS":
        (end,) = struct.unpack_from("<q", data, start + 6)
        if end > before + _OGG_PAGE and before > 0:
            return float(end)
        before = max(before, end)
        segments = data[start + 27 : start + 27 + data[start + 26]]
        start += 27 + len(segments) + sum(segments)
    return 0


def _is_wav(data: bytes) -> bool:
    return data[:4] in (b"RIFF", b"RIFX", b"RF64") and data[8:12] == b"WAVE"


def _order(data: bytes) -> Literal["big", "little"]:
    return "big" if data[:4] == b"RIFX" else "little"


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """The chunks of WAV, RF64, AIFF, CAF and Wave64, as far as their sizes lead."""
    layout, start, pad = {
        b"RIFF": ("<4sI", 12, 2), b"RF64": ("<4sI", 12, 2), b"RIFX": (">4sI", 12, 2), b"FORM": (">4sI", 12, 2),
        b"caff": (">4sq", 8, 1), b"riff": ("<16sQ", 40, 8),
    }.get(data[:4], ("", 0, 1))  # fmt: skip
    head = struct.calcsize(layout)
    while layout and start + head <= len(data):
        kind, size = struct.unpack_from(layout, data, start)
        content = size - head if len(kind) == 16 else size  # Wave64 counts the head in
        yield _Chunk(kind[:4], start + len(kind), start + head, content)
        if content < 0:
            return
        start += head + content
        start += -start % pad


def _find(chunks: Iterator[_Chunk], kind: bytes) -> _Chunk | None:
    return next((chunk for chunk in chunks if chunk.kind == kind), None)


def _sound_chunk(data: bytes) -> _Chunk | None:
    """The chunk with the samples; of RF64 with the size that its `ds64` states."""
    if data[:4] == b".snd" and len(data) >= 24:
        start, size = struct.unpack_from(">II", data, 4)
        return _Chunk(b"data", 8, start, size)
    if not (_is_wav(data) or data[:4] in (b"caff", b"riff") or data[8:11] == b"AIF"):
        return None
    found = _find(_chunks(data), b"SSND" if data[:4] == b"FORM" else b"data")
    if found and data[:4] == b"RF64":
        large = _find(_chunks(data), b"ds64")
        if large and len(data) >= large.start + 16:
            return found._replace(size=struct.unpack_from("<Q", data, large.start + 8)[0])
    return found


def _is_open(data: bytes, sound: _Chunk) -> bool:
    """Whether a size says that the writer did not know it."""
    if data[:4] == b"caff":
        return sound.size == -1
    if data[:4] == b".snd":
        return sound.size == 0xFFFFFFFF
    if not _is_wav(data):
        return sound.size <= 0
    if sound.size == 0:  # an empty recording has a right size around it
        return abs(int.from_bytes(data[4:8], _order(data)) + 8 - len(data)) > 1
    return data[:4] != b"RF64" and -sound.size % (1 << 31) <= _STREAM_WINDOW


def _flac_start(data: bytes) -> int | None:
    """Where the STREAMINFO of a FLAC file begins, after an ID3 tag if there is one."""
    start = _after_id3(data)
    return start + 8 if data[start : start + 4] == b"fLaC" and len(data) >= start + 42 else None


def _after_id3(data: bytes) -> int:
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))


def _with_total(data: bytes, start: int) -> bytes:
    """A FLAC stream of unknown length with the number of samples of all its frames; the sound is not decoded."""
    place = slice(start + 13, start + 18)
    field = int.from_bytes(data[place], "big")
    if field & 0xFFFFFFFFF:
        return data
    import av

    try:
        with av.open(io.BytesIO(data[start - 8 :]), "r", format="flac") as container:
            total = sum(packet.duration or 0 for packet in container.demux(audio=0))
    except (av.FFmpegError, ValueError):
        return data
    return data[: place.start] + (field | total & 0xFFFFFFFFF).to_bytes(5, "big") + data[place.stop :]


def _promised_by_mp3(data: bytes) -> int:
    """By the tag of Xing or LAME in the first frame, less what LAME says that encoder and padding added."""
    start = _after_id3(data)
    head = int.from_bytes(data[start : start + 4], "big")
    if head >> 21 != 0x7FF or (head >> 17) & 3 != 1:  # no frame of layer III
        return 0
    is_mpeg1, is_mono = (head >> 19) & 3 == 3, (head >> 6) & 3 == 3
    tag = start + 4 + {(True, False): 32, (False, True): 9}.get((is_mpeg1, is_mono), 17)
    flags = int.from_bytes(data[tag + 4 : tag + 8], "big")
    if data[tag : tag + 4] not in (b"Xing", b"Info") or not flags & 1 or len(data) < tag + 144:
        return 0
    added = int.from_bytes(data[tag + 141 : tag + 144], "big") if flags & 15 == 15 else 0
    frames = int.from_bytes(data[tag + 8 : tag + 12], "big")
    return max(0, frames * (1152 if is_mpeg1 else 576) - (added >> 12) - (added & 0xFFF))
