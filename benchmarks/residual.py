"""A codec of three codebooks that needs no weights and next to no time, for `driver_scaling.py`."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.audio import FloatArray
from codec_bench.tokens import Codebook, Tokens

RATE, HOP, SIZE = 16_000, 320, 1024


class Residual(Codec):
    """Sends the first sample of each frame in steps of 2/1024, and twice what is left of it in finer ones."""

    name = "residual"
    spec = CodecSpec("Residual", Group.ACOUSTIC, RATE, RATE, (Codebook(SIZE, HOP),) * 3, cacheable=True)
    prefixes: ClassVar[tuple[int, ...]] = (1, 2, 3)

    def _encode(self, samples: FloatArray) -> Tokens:
        rest = np.pad(samples, (0, -len(samples) % HOP))[::HOP]
        books = []
        for book in range(3):
            scale = (SIZE / 2) ** (book + 1)
            steps = np.clip(np.round(rest * scale), -SIZE // 2, SIZE // 2 - 1)
            rest = rest - steps / scale
            books.append(steps.astype(np.int64) + SIZE // 2)
        return self.tokens(books)

    def _decode(self, code: Tokens) -> FloatArray:
        steps = [(stream.codes - SIZE // 2) / (SIZE / 2) ** (k + 1) for k, stream in enumerate(code.streams)]
        return np.repeat(np.sum(steps, axis=0), HOP).astype(np.float32)
