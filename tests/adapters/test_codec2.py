"""Codec 2 against pycodec2's own binding of the same library, and against its random generator."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

import codec_bench
from codec_bench.adapters import codec2
from codec_bench.adapters.classic import to_pcm
from codec_bench.adapters.codec2 import Codec2
from codec_bench.audio import Audio, read_audio, resample
from codec_bench.errors import UnavailableError
from codec_bench.tokens import Bitstream

DEMO = Path(codec_bench.__file__).parent / "datasets/demo/audio"
BITS = {"3200": 64, "2400": 48, "1600": 64, "1400": 56, "1300": 52, "1200": 48, "700C": 28}

FRESH_PROCESS = """
import sys, numpy, pycodec2
coder = pycodec2.Codec2(int(sys.argv[1]))
pcm = numpy.frombuffer(sys.stdin.buffer.read(), numpy.int16)
size = coder.samples_per_frame()
packets = [coder.encode(pcm[i : i + size]) for i in range(0, len(pcm), size)]
decoder = pycodec2.Codec2(int(sys.argv[1]))
sys.stdout.buffer.write(b"".join(packets) + b"".join(decoder.decode(packet).tobytes() for packet in packets))
"""


@pytest.fixture(scope="module")
def speech() -> Audio:
    """One second with whole frames at 8 kHz, on the 16-bit grid."""
    found = resample(read_audio(DEMO / "awb-01.flac"), 8000).samples[4000:12_000]
    return Audio((to_pcm(found) / 32768).astype(np.float32), 8000)


def packets_of(coder: Codec2, audio: Audio) -> Bitstream:
    code = coder._encode(audio.samples)
    assert isinstance(code, Bitstream)
    return code


@pytest.mark.parametrize("mode", Codec2.modes)
def test_bits_and_samples_are_those_of_a_fresh_process_of_pycodec2(mode: str, speech: Audio) -> None:
    coder = Codec2(mode)
    code = packets_of(coder, speech)
    command = [sys.executable, "-c", FRESH_PROCESS, mode.rstrip("C")]
    expected = subprocess.run(command, input=to_pcm(speech.samples).tobytes(), capture_output=True, check=True).stdout
    sent = b"".join(code.packets)
    assert expected[: len(sent)] == sent
    assert np.array_equal(np.frombuffer(expected[len(sent) :], np.int16), to_pcm(coder._decode(code)))


def test_the_random_generator_of_the_library_does_not_reach_us(speech: Audio) -> None:
    import pycodec2

    coder = Codec2("1200")
    code = packets_of(coder, speech)
    first = coder._decode(code)
    own = pycodec2.Codec2(1200)
    stream = [own.decode(packet) for packet in code.packets]
    again = pycodec2.Codec2(1200)
    assert any(not np.array_equal(a, again.decode(p)) for a, p in zip(stream, code.packets, strict=True))
    assert np.array_equal(coder._decode(code), first)


@pytest.mark.parametrize(("mode", "bits"), BITS.items())
def test_padding_to_whole_bytes_is_not_counted(mode: str, bits: int, speech: Audio) -> None:
    code = Codec2(mode).encode(speech)
    assert isinstance(code, Bitstream)
    assert code.bits == bits * len(code.packets)
    assert {len(packet) for packet in code.packets} == {-(-bits // 8)}
    assert code.bits / code.seconds == pytest.approx(int(mode.rstrip("C")), rel=1e-12)


def test_a_missing_wheel_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(codec2, "files", absent)
    codec2.bundled_library.cache_clear()
    assert "pip install" in str(Codec2.unavailable())
    with pytest.raises(UnavailableError, match="not installed"):
        Codec2("1200").load()
    monkeypatch.setattr(codec2, "files", lambda name: [])
    codec2.bundled_library.cache_clear()
    assert "has no libcodec2" in str(Codec2.unavailable())
    codec2.bundled_library.cache_clear()
