"""LC3: rates, and the delay that the library itself states."""

from __future__ import annotations

from pathlib import Path

import pytest

import codec_bench
from codec_bench.adapters.lc3 import FRAME_MICROSECONDS, RATE, Lc3
from codec_bench.audio import Audio, read_audio
from codec_bench.errors import CodecError
from codec_bench.tokens import Bitstream

lc3 = pytest.importorskip("lc3", reason="the extra `lc3` is not installed")

SPEECH = Path(codec_bench.__file__).parent / "datasets/demo/audio/ked-01.flac"


@pytest.mark.parametrize("mode", Lc3.modes)
def test_the_rate_is_nominal(mode: str) -> None:
    code = Lc3(mode).encode(Audio(read_audio(SPEECH).samples[:8001], RATE))
    assert isinstance(code, Bitstream)
    assert code.bits / code.seconds == pytest.approx(int(mode), rel=1e-12)
    assert code.bits == 8 * sum(map(len, code.packets))
    assert {lc3.Encoder(FRAME_MICROSECONDS, RATE).resolve_bitrate(len(p)) for p in code.packets} == {int(mode)}


def test_delay_and_frame_are_those_that_the_library_states() -> None:
    decoder = lc3.Decoder(FRAME_MICROSECONDS, RATE)
    assert decoder.get_delay_samples() == Lc3("16000").spec.delay
    assert decoder.get_frame_samples() == Lc3("16000").spec.hop


def test_a_packet_of_the_wrong_size_is_an_error_of_the_codec() -> None:
    with pytest.raises(CodecError):
        Lc3("16000").decode(Bitstream((b"\x00" * 3,), 24, 0.01, samples=160, sample_rate=RATE))
