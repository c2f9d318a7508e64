"""Rows that nobody can run say why, and what to do instead."""

from __future__ import annotations

import numpy as np
import pytest

from codec_bench.adapters.published_only import CODECS
from codec_bench.audio import Audio
from codec_bench.errors import UnavailableError


@pytest.mark.parametrize("name", CODECS)
def test_they_say_why(name: str) -> None:
    codec = CODECS[name]()
    reason = codec.unavailable()
    assert reason is not None
    assert "files:DIR" in reason
    assert "\n" not in reason
    for call in (codec.load, lambda: codec.encode(Audio(np.ones(800, np.float32), 16_000))):
        with pytest.raises(UnavailableError, match=name):
            call()


def test_a_bitrate_follows_from_what_a_paper_states() -> None:
    """Those of the others are in tests/adapters/test_facts.py."""
    assert CODECS["bigcodec-streaming"].spec.bitrate() == pytest.approx(1040)
