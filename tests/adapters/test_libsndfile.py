"""Blocks and bits of libsndfile's coders; GSM is decoded by FFmpeg as well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import codec_bench
from codec_bench.adapters import CODECS
from codec_bench.adapters.classic import from_pcm
from codec_bench.adapters.libsndfile import Gsm610, NmsAdpcm
from codec_bench.audio import Audio, read_audio, resample
from codec_bench.tokens import Bitstream

DEMO = Path(codec_bench.__file__).parent / "datasets/demo/audio"


@pytest.fixture(scope="module")
def speech() -> Audio:
    """1.5 s at 8 kHz."""
    return Audio(resample(read_audio(DEMO / "ked-01.flac"), 8000).samples[2400:14_401], 8000)


@pytest.mark.parametrize(
    ("label", "bit_rate", "block_bytes"),
    [
        ("gsm", 13_000, 33),
        ("g721", 32_000, 60),
        ("nms-adpcm@16000", 16_800, 42),
        ("nms-adpcm@24000", 24_800, 62),
        ("nms-adpcm@32000", 32_800, 82),
    ],
)
def test_the_payload_is_that_of_the_standard(label: str, bit_rate: int, block_bytes: int, speech: Audio) -> None:
    name, _, mode = label.partition("@")
    code = CODECS.get(name)(mode or None).encode(speech)
    assert isinstance(code, Bitstream)
    assert code.bits / code.seconds == pytest.approx(bit_rate, rel=1e-12)
    assert {len(packet) for packet in code.packets} == {block_bytes}


def test_every_gsm_frame_begins_with_the_magic_number_that_is_not_counted(speech: Audio) -> None:
    code = Gsm610().encode(speech)
    assert isinstance(code, Bitstream)
    assert {packet[0] >> 4 for packet in code.packets} == {0xD}
    assert code.bits == (33 * 8 - 4) * len(code.packets)


def test_ffmpeg_decodes_our_gsm_to_the_same_audio(speech: Audio) -> None:
    import av

    code = Gsm610().encode(speech)
    assert isinstance(code, Bitstream)
    context = av.CodecContext.create("gsm", "r")
    context.sample_rate, context.layout = 8000, "mono"
    frames = [frame for packet in code.packets for frame in context.decode(av.Packet(packet))]
    theirs = from_pcm(np.concatenate([frame.to_ndarray()[0] for frame in frames]))[: len(speech)]
    ours = Gsm610().decode(code).samples
    assert np.abs(ours - theirs).max() <= 8 / 32768


def test_a_missing_coder_is_said_in_one_line() -> None:
    class Absent(NmsAdpcm):
        subtypes = {"16000": "NMS_ADPCM_17"}  # noqa: RUF012

    assert "NMS_ADPCM_17" in str(Absent.unavailable())
    assert "pip install" in str(Absent.unavailable())
