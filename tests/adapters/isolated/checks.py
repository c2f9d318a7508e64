"""What tests of codecs in environments of their own compare with: stand-ins insist on the shapes that the real
networks take (`assert`), and are computed here once more from their checkpoints with plain tensor operations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.audio import Audio
from codec_bench.tokens import Tokens


def noise(samples: int, rate: int = 16_000) -> Audio:
    return Audio(np.random.default_rng(0).uniform(-0.5, 0.5, samples).astype(np.float32), rate)


def state_of(mirror: Path, codec: IsolatedCodec, number: int = 0) -> Any:
    import torch

    return torch.load(mirror / codec.spec.weights[number].path, weights_only=True)


def residual(x: Any, tables: list[Any]) -> list[Any]:
    """Codes of `[frames, dimension]`, one table after the other."""
    import torch

    codes = []
    for table in tables:
        codes.append(torch.cdist(x, table).argmin(-1))
        x = x - table[codes[-1]]
    return codes


def check(codec: IsolatedCodec, rate: int, codes: list[Any], audio: Any, recording: Audio) -> Tokens:
    """Codes and audio are those that were computed directly; every length comes back; nothing is left behind."""
    code = codec.encode(recording)
    assert isinstance(code, Tokens)
    assert len(code.streams) == len(codes)
    for stream, expected in zip(code.streams, codes, strict=True):
        assert np.array_equal(stream.codes, expected.numpy())
    decoded = codec.decode(code)
    np.testing.assert_allclose(decoded.samples, audio.numpy()[: len(recording)], atol=1e-5)
    for length in (1, 999, 3 * rate):
        assert len(codec.decode(codec.encode(noise(length, rate)))) == length
    assert np.array_equal(codec.decode(code).samples, decoded.samples)
    return code
