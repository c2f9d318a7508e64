"""Codecs of a user that send something and decode nothing that a metric could use."""

from __future__ import annotations

from typing import Any

import numpy as np

from codec_bench.adapters import Codec, CodecSpec, Group
from codec_bench.tokens import Codebook


class Mute(Codec):
    """16-bit PCM as tokens, and silence in their place."""

    name = "mute"
    spec = CodecSpec("Mute", Group.ACOUSTIC, 16_000, 16_000, (Codebook(65_536, hop=1),), cacheable=True)

    def _encode(self, samples: Any) -> Any:
        return self.tokens([np.round(np.clip(samples, -1, 1) * 32_767).astype(np.int64) + 32_768])

    def _decode(self, code: Any) -> Any:
        return self.changed(((code.streams[0].codes - 32_768) / 32_767).astype(np.float32))

    def changed(self, samples: Any) -> Any:
        return np.zeros_like(samples)


class MuteWhenMuffled(Mute):
    """Lets pass what has anything above 4 kHz."""

    name = "mute-when-muffled"

    def changed(self, samples: Any) -> Any:
        spectrum = np.abs(np.fft.rfft(samples)) ** 2
        return samples * np.float32(spectrum[len(spectrum) // 2 :].sum() > 1e-4 * spectrum.sum())


class Constant(Mute):
    """The same sample all the time, which is no silence."""

    name = "constant"

    def changed(self, samples: Any) -> Any:
        return np.full_like(samples, 0.1)
