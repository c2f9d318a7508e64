"""Files that are not what they seem: streams, files that lack a part, headers that lie, texts, and what is no file."""

from __future__ import annotations

import io
import os
import resource
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from codec_bench.audio import read_audio, read_channels
from codec_bench.files import file_digest
from codec_bench.records import NotScorable, Status

RATE = 16_000
PCM = np.round(np.random.default_rng(7).uniform(-9000, 9000, 3 * RATE) * np.hanning(3 * RATE)).astype("<i2")
"""Three seconds that compress badly, so that half of a file is half of the sound."""

BYTES = PCM.tobytes()
FMT = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)


def riff(
    data: bytes = BYTES, size: int | None = None, whole: int | None = None, before: bytes = b"", after: bytes = b"",
    fmt: bytes = FMT,
) -> bytes:  # fmt: skip
    """A WAV file whose sizes may be others than they are."""
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + before
    body += b"data" + struct.pack("<I", len(data) if size is None else size) + data + after
    return b"RIFF" + struct.pack("<I", len(body) if whole is None else whole) + body


def form(rate: int = RATE, channels: int = 1, bits: int = 16, tag: int = 1) -> bytes:
    block = channels * bits // 8
    return struct.pack("<HHIIHH", tag, channels, rate, rate * block & 0xFFFFFFFF, block & 0xFFFF, bits)


def written(container: str, samples: NDArray[np.int16] = PCM, **options: str) -> bytearray:
    """A file of libsndfile's own; its `name` tells raw formats nothing."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format=container, **options)
    return bytearray(buffer.getvalue())


def patched(data: bytearray, chunk: bytes, offset: int, form: str, *values: int) -> bytes:
    """A file with other numbers behind the name of a chunk."""
    struct.pack_into(form, data, data.index(chunk) + offset, *values)
    return bytes(data)


def encoded(codec: str, container: str, rate: int = RATE, **options: str) -> bytes:
    """A file by FFmpeg's encoders."""
    # What moves an index to the front reads its own file again.
    with tempfile.NamedTemporaryFile() as file, av.open(file.name, "w", format=container, options=options) as out:
        stream = out.add_stream(codec, rate=rate)
        stream.layout = "mono"
        stream.bit_rate = 64_000
        if codec in ("tta", "wavpack"):  # of their sample formats, the first has 8 bits
            stream.format = {"tta": "s16", "wavpack": "s16p"}[codec]
        resampler = av.AudioResampler(stream.format, "mono", rate, stream.frame_size or 1024)
        frame = av.AudioFrame.from_ndarray(PCM[None], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
        out.close()
        return file.read()


class Pipe:
    """What cannot be gone back in, so that the lengths in a header stay open."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> int:
        self.data += bytes(data)
        return len(data)


def streamed_flac(samples: NDArray[np.int16] = PCM) -> bytes:
    pipe = Pipe()
    with av.open(pipe, "w", format="flac") as out:
        stream = out.add_stream("flac", rate=RATE)
        stream.layout = "mono"
        for start in range(0, len(samples), 4096):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + 4096], "s16", "mono")
            frame.sample_rate, frame.pts = RATE, start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return with_total(bytearray(pipe.data), 0)


def with_total(flac: bytearray, total: int) -> bytes:
    """A FLAC file with another number of samples in its header."""
    field = int.from_bytes(flac[21:26], "big")
    flac[21:26] = (field >> 36 << 36 | total).to_bytes(5, "big")
    return bytes(flac)


def last_page_ends_at(ogg: bytearray, samples: int) -> bytes:
    """An Ogg file whose last page states another place in the sound."""
    struct.pack_into("<Q", ogg, ogg.rindex(b"OggS") + 6, samples)
    return bytes(ogg)


ID3 = b"ID3\x04\x00\x00\x00\x00\x00\x20" + bytes(32)
LIST = b"LIST" + struct.pack("<I", 26) + b"INFOISFT\x0e\0\0\0Lavf58.29.100\0"
ODD_LIST = b"LIST" + struct.pack("<I", 9) + b"INFOabcde\0"
AU = b".snd" + struct.pack(">IIIII", 24, 0xFFFFFFFF, 3, RATE, 1)

WHOLE: dict[str, Callable[[], bytes]] = {
    "size 2^32 - 1": lambda: riff(size=0xFFFFFFFF, whole=0xFFFFFFFF),
    "size 0": lambda: riff(size=0, whole=0),
    "size 0 in 36 bytes": lambda: riff(size=0, whole=36),
    "size 0 behind a list": lambda: riff(size=0, whole=0, before=LIST),
    "size 2^31 - 37": lambda: riff(size=0x7FFFFFFF - 36, whole=0x7FFFFFFF),
    "SoX's size": lambda: riff(size=0x7FFFF000, whole=0x7FFFF024),
    "size 2^31": lambda: riff(size=0x80000000, whole=0x80000024),
    "a list": lambda: riff(before=LIST),
    "a list of odd size": lambda: riff(before=ODD_LIST),
    "a list behind": lambda: riff(after=LIST),
    "junk behind": lambda: riff() + b"ID3" + b"x" * 128,
    "big-endian, size 0": lambda: (
        b"RIFX\0\0\0\0WAVEfmt \0\0\0\x10" + struct.pack(">HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
        + b"data\0\0\0\0" + PCM.byteswap().tobytes()
    ),
    "extensible": lambda: bytes(written("WAVEX")),
    "24 bits": lambda: bytes(written("WAV", subtype="PCM_24")),
    "RF64": lambda: bytes(written("RF64")),
    "RF64 of unknown size": lambda: patched(written("RF64"), b"ds64", 16, "<Q", 0),
    "Wave64": lambda: bytes(written("W64")),
    "AIFF": lambda: bytes(written("AIFF")),
    "AU of unknown size": lambda: AU + PCM.byteswap().tobytes(),
    "CAF of unknown size": lambda: patched(written("CAF"), b"data", 4, ">q", -1),
    "FLAC": lambda: bytes(written("FLAC")),
    "FLAC behind a tag": lambda: ID3 + bytes(written("FLAC")),
    "FLAC before a tag": lambda: bytes(written("FLAC")) + b"TAG" + bytes(125),
    "streamed FLAC": streamed_flac,
    "streamed FLAC behind a tag": lambda: ID3 + streamed_flac(),
    "FLAC in Ogg": lambda: encoded("flac", "ogg"),
    "FLAC in Matroska": lambda: encoded("flac", "matroska"),
    "Apple's lossless": lambda: encoded("alac", "ipod"),
    "True Audio": lambda: encoded("tta", "tta"),
    "PCM in AVI": lambda: encoded("pcm_s16le", "avi"),
}  # fmt: skip
"""Files that hold all of PCM, and no more."""


@pytest.mark.parametrize("kind", WHOLE)
def test_what_is_whole_is_read_in_full(kind: str):
    audio = read_audio(WHOLE[kind]())
    assert audio.rate == RATE
    np.testing.assert_array_equal(audio.samples, PCM / np.float32(32768))


def test_streams_may_be_short():
    for count in (1, 1000, 4096, 5000):
        assert len(read_audio(streamed_flac(PCM[:count]))) == count


def test_nothing_between_right_sizes_is_an_empty_recording():
    for data in (riff(b""), riff(b"", after=LIST), riff(b"", before=LIST), riff(b"", size=0, whole=0)):
        with pytest.raises(NotScorable, match="has no samples") as caught:
            read_audio(data)
        assert caught.value.status is Status.EMPTY


def test_channels_apart():
    samples, rate = read_channels(bytes(written("FLAC", np.stack([PCM, -PCM], 1))))
    assert rate == RATE
    np.testing.assert_array_equal(samples, np.stack([PCM, -PCM], 1) / np.float32(32768))


# --- files that lack a part ----------------------------------------------------------------------------------------

CONTAINERS: dict[str, Callable[[], bytes]] = {
    "WAV": riff,
    "WAV with a list": lambda: riff(before=LIST),
    "float WAV": lambda: bytes(written("WAV", subtype="FLOAT")),
    "ADPCM": lambda: bytes(written("WAV", subtype="MS_ADPCM")),
    "G.726 in WAV": lambda: encoded("adpcm_yamaha", "wav"),
    "RF64": lambda: bytes(written("RF64")),
    "Wave64": lambda: bytes(written("W64")),
    "AIFF": lambda: bytes(written("AIFF")),
    "AU": lambda: bytes(written("AU")),
    "CAF": lambda: bytes(written("CAF")),
    "FLAC": lambda: bytes(written("FLAC")),
    "MP3 by libsndfile": lambda: bytes(written("MP3")),
    "MP3 by FFmpeg": lambda: encoded("libmp3lame", "mp3"),
    "MP4, index first": lambda: encoded("aac", "ipod", movflags="faststart"),
    "MP4, index last": lambda: encoded("aac", "ipod"),
    "Matroska": lambda: encoded("flac", "matroska"),
    "WavPack": lambda: encoded("wavpack", "wv"),
    "True Audio": lambda: encoded("tta", "tta"),
}


def refusal(data: bytes, **said: float) -> NotScorable:
    with pytest.raises(NotScorable) as caught:
        read_audio(data, "the file", **said)
    assert caught.value.reason.startswith("the file ")
    return caught.value


@pytest.mark.parametrize("part", [0.5, 0.9])
@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_file_that_was_cut_short(kind: str, part: float):
    data = CONTAINERS[kind]()
    assert abs(read_audio(data).seconds - 3) < 0.1
    assert refusal(data[: int(len(data) * part)]).status is Status.UNREADABLE


def test_how_much_is_missing_is_said():
    reason = refusal(riff()[: 44 + RATE]).reason
    assert reason == "the file is incomplete: it holds 0.50 s of the 3.00 s that its header states"


def test_a_tenth_of_a_second_may_be_missing():
    data = riff()
    assert len(read_audio(data[:-1])) == len(PCM) - 1
    assert len(read_audio(data[:-3200])) == len(PCM) - 1600
    refusal(data[:-3202])


@pytest.mark.parametrize("kind", ["FLAC", "MP3 by FFmpeg", "MP4, index first", "True Audio", "WavPack"])
def test_bytes_that_were_overwritten(kind: str):
    data = bytearray(CONTAINERS[kind]())
    middle = len(data) // 2
    data[middle : middle + 4000] = b"\x55" * 4000
    assert refusal(bytes(data)).status is Status.UNREADABLE


@pytest.mark.parametrize("start", [0.2, 0.5, 0.8])
def test_forty_bytes_of_flac_are_enough(start: float):
    """PyAV reads on behind the damage, with samples missing."""
    data = written("FLAC")
    place = int(len(data) * start)
    data[place : place + 40] = b"\x55" * 40
    assert "damaged" in refusal(bytes(data)).reason


def test_a_streamed_flac_that_was_damaged():
    data = bytearray(streamed_flac())
    data[len(data) // 2 : len(data) // 2 + 40] = b"\x55" * 40
    refusal(bytes(data))


def test_less_than_a_manifest_says():
    data = riff()
    for seconds in (None, 0.0, 2.0, 3.0, 3.09):
        assert len(read_audio(data, seconds=seconds)) == len(PCM)
    told = refusal(data, seconds=3.2)
    assert (told.status, told.reason) == (
        Status.UNREADABLE, "the file is incomplete: it holds 3.00 s of the 3.20 s that the manifest states"
    )  # fmt: skip
    refusal(encoded("aac", "adts"), seconds=3.5)


# --- headers that lie ----------------------------------------------------------------------------------------------


LIES: dict[str, Callable[[], bytes]] = {
    "FLAC of 2^36 samples": lambda: with_total(written("FLAC"), 2**36 - 1),
    "FLAC of 2e9 samples": lambda: with_total(written("FLAC"), 2_000_000_000),
    "FLAC, one sample more than 0.1 s": lambda: with_total(written("FLAC"), len(PCM) + RATE // 10 + 1),
    "1 Hz": lambda: riff(fmt=form(1)),
    "10^9 Hz": lambda: riff(fmt=form(10**9)),
    "0 Hz": lambda: riff(fmt=form(0)),
    "-1 Hz": lambda: riff(fmt=form(2**32 - 1)),
    "0 channels": lambda: riff(fmt=form(channels=0)),
    "255 channels": lambda: riff(fmt=form(channels=255)),
    "65535 channels": lambda: riff(fmt=form(channels=65535)),
    "0 bits": lambda: riff(fmt=form(bits=0)),
    "255 bits": lambda: riff(fmt=form(bits=255)),
    "MP3 in WAV": lambda: riff(fmt=form(tag=0x55)),
    "AC-3 in WAV": lambda: riff(fmt=form(tag=0x2000)),
    "AAC in WAV": lambda: riff(fmt=form(tag=0xFF)),
    "AIFF of 2^31 samples": lambda: patched(written("AIFF"), b"COMM", 10, ">I", 2**31 - 1),
    "AIFF of 2^31 bytes": lambda: patched(written("AIFF"), b"SSND", 4, ">I", 2**31 - 1),
    "Wave64 of 2^50 bytes": lambda: patched(written("W64"), b"data", 16, "<Q", 1 << 50),
    "RF64 of 2^50 bytes": lambda: patched(written("RF64"), b"ds64", 16, "<QQ", 1 << 50, 1 << 49),
    "CAF of 2^50 bytes": lambda: patched(written("CAF"), b"data", 4, ">q", 1 << 50),
    "AU of 4e9 bytes": lambda: AU[:8] + struct.pack(">I", 0xFFFFFFF0) + AU[12:] + BYTES,
    "AU of 2^31 channels": lambda: AU[:20] + struct.pack(">I", 0x7FFFFFFF) + BYTES,
    "Vorbis of 2^60 samples": lambda: last_page_ends_at(written("OGG"), 1 << 60),
    "3e9 bytes of WAV": lambda: riff(size=3_000_000_000, whole=3_000_000_036),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_costs_nothing(lie: str):
    data = LIES[lie]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    assert refusal(data).status in (Status.UNREADABLE, Status.EMPTY)
    assert time.process_time() - started < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.fixture(scope="module")
def originals() -> list[bytes]:
    """Every file above."""
    return [make() for make in (*WHOLE.values(), *CONTAINERS.values())]


@pytest.mark.parametrize("seed", range(20))
def test_any_other_change_of_a_header_is_a_status_or_sound(seed: int, originals: list[bytes]):
    """The first bytes of a file of each kind, changed at random: nothing else than `NotScorable` comes out."""
    random = np.random.default_rng(seed)
    for original in originals:
        data = bytearray(original)
        for place in random.integers(0, 120, random.integers(1, 6)):
            data[place] = random.choice([0, 1, 127, 128, 255, int(random.integers(256))])
        try:
            assert len(read_audio(bytes(data))) > 0
        except NotScorable as outcome:
            assert outcome.status in (Status.UNREADABLE, Status.EMPTY)


# --- texts that name other files, and what is no file --------------------------------------------------------------

HLS = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.0,\n{}\n#EXT-X-ENDLIST\n"
TEXTS = {
    "playlist": "#EXTM3U\n#EXTINF:1,\n{file}\n",
    "HLS, network": HLS.replace("{}", "{url}"),
    "HLS, file": HLS.replace("{}", "file://{file}"),
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "concat": "ffconcat version 1.0\nfile {file}\n",
    "DASH": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet '
    'mimeType="audio/mp4"><Representation id="1" bandwidth="1000"><BaseURL>{url}</BaseURL><SegmentBase/>'
    "</Representation></AdaptationSet></Period></MPD>",
    "RTSP": "rtsp://127.0.0.1:{port}/x\n",
    "ASX": '<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
    "subtitles": "1\n00:00:01,000 --> 00:00:02,000\n{file}\n\n",
    "metadata": ";FFMETADATA1\ntitle={file}\n",
}  # fmt: skip


@pytest.fixture
def visitors() -> Iterator[tuple[int, list[str]]]:
    """A port on this machine, and who came to it."""
    came: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    came.append(connection.recv(100).decode(errors="replace"))

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], came
        stop.set()
        thread.join()


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@pytest.mark.parametrize("suffix", ["m4a", "wav", "mp3"])
@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_opens_nothing(kind: str, suffix: str, tmp_path: Path, visitors: tuple[int, list[str]]):
    port, came = visitors
    good, path = tmp_path / "good.wav", tmp_path / f"a.{suffix}"
    good.write_bytes(riff())
    text = TEXTS[kind].replace("{url}", f"http://127.0.0.1:{port}/a.mp4")
    path.write_text(text.replace("{file}", str(good)).replace("{port}", str(port)))
    opened = descriptors()
    started = time.monotonic()
    with pytest.raises(NotScorable, match="cannot be read as audio") as caught:
        read_audio(path)
    assert caught.value.status is Status.UNREADABLE
    assert time.monotonic() - started < 5  # SDP waited 20 s for packets; the machine may be busy
    assert not came
    assert descriptors() == opened


def test_what_never_ends_is_not_begun(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo.wav")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "zeros.wav").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.wav"))
        for path in (*sorted(tmp_path.iterdir()), Path("/dev/zero"), Path("/dev/stdin")):
            if path == Path("/dev/stdin") and path.is_file():
                continue
            with pytest.raises(NotScorable, match=r"cannot be read: it is (not a regular file|a folder)") as caught:
                read_audio(path)
            assert caught.value.status is Status.UNREADABLE
            with pytest.raises(OSError, match=r"it is (not a regular file|a folder)"):
                file_digest(path)
