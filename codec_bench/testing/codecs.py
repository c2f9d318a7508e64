"""Codecs whose effect is known exactly, for tests of everything around a codec."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.audio import FloatArray
from codec_bench.errors import CodecError, UsageError
from codec_bench.tokens import Bitstream, Code, Codebook, IntArray

RATE = 16_000
HOP = 320


class Identity(Codec):
    """Sends float32 samples as they are: what comes back is the input at 16 kHz, bit by bit.

    The other codecs of this file send samples that they changed before; `_change` is all that differs.
    """

    name = "test-identity"
    title: ClassVar[str] = "Identity (test)"

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        """The spec at any mode that `check` accepts."""
        cls.check(mode)
        title = f"{cls.title} {mode}" if mode else cls.title
        return CodecSpec(
            title, Group.CLASSIC, RATE, RATE, hop=HOP, streaming=False, source="codec_bench.testing", cacheable=True
        )

    @classmethod
    def check(cls, mode: str | None) -> None:
        """Raises for a mode that does not exist.

        Raises:
            UsageError: There is no such mode.
        """
        if mode is not None:
            raise UsageError(f"{cls.name} has no settings, so {mode!r} is none")

    def _change(self, samples: FloatArray) -> FloatArray:
        return samples

    def _encode(self, samples: FloatArray) -> Bitstream:
        changed = np.asarray(self._change(samples), "<f4")
        frames = np.pad(changed, (0, -len(changed) % HOP)).reshape(-1, HOP)
        return self.bitstream([frame.tobytes() for frame in frames], 32 * frames.size)

    def _decode(self, code: Code) -> FloatArray:
        if not isinstance(code, Bitstream):
            raise TypeError(f"{self.name} decodes bitstreams, not {type(code).__name__}")
        return np.frombuffer(b"".join(code.packets), "<f4").astype(np.float32)


class LowPass(Identity):
    """Removes what lies above a cut-off frequency, with no delay; a mode is the cut-off in Hz (-6 dB)."""

    name = "test-lowpass"
    title = "Low-pass (test)"
    packages = ("scipy",)
    modes = ("3400", "1000")
    taps: ClassVar[int] = 511

    @classmethod
    def check(cls, mode: str | None) -> None:
        """Any cut-off between 0 and 8000 Hz."""
        if not 0 < _number(cls, mode, float) < RATE / 2:
            raise UsageError(f"{cls.name} takes a cut-off between 0 and {RATE // 2} Hz, not {mode}")

    def _change(self, samples: FloatArray) -> FloatArray:
        from scipy.signal import fftconvolve, firwin

        response = firwin(self.taps, float(str(self.mode)), fs=RATE)
        filtered = fftconvolve(samples.astype(np.float64), response)
        return np.asarray(filtered[self.taps // 2 :][: len(samples)], np.float32)


class Noise(Identity):
    """Adds white noise; a mode is the signal-to-noise ratio in dB, which holds exactly for every recording.

    The noise depends on the samples and on nothing else, so it is the same in every process and order.
    """

    name = "test-noise"
    title = "White noise (test)"
    packages = ("numpy",)
    modes = ("20", "10", "0")

    @classmethod
    def check(cls, mode: str | None) -> None:
        """Any finite number of dB."""
        if not math.isfinite(_number(cls, mode, float)):
            raise UsageError(f"{cls.name} takes a finite number of dB, not {mode}")

    def _change(self, samples: FloatArray) -> FloatArray:
        noise = np.random.default_rng(_content(samples)).standard_normal(len(samples))
        wanted = float(np.sum(np.square(samples, dtype=np.float64))) / 10 ** (float(str(self.mode)) / 10)
        return np.asarray(samples + noise * math.sqrt(wanted / float(np.sum(np.square(noise)))), np.float32)


class Failing(Identity):
    """Fails on about every n-th recording, always on the same ones; a mode is n."""

    name = "test-failing"
    title = "Failing (test)"
    modes = ("3",)

    @classmethod
    def check(cls, mode: str | None) -> None:
        """Any whole number from 1, with which it always fails."""
        if _number(cls, mode, int) < 1:
            raise UsageError(f"{cls.name} takes a whole number from 1, not {mode}")

    def _change(self, samples: FloatArray) -> FloatArray:
        if _content(samples) % int(str(self.mode)) == 0:
            raise CodecError("this codec fails on some recordings, and this is one of them")
        return samples


class Residual(Codec):
    """Sends samples as three codebooks, each of 4 bits more, and decodes streams; what comes back is exact to 12 bits.

    The decoder is a recursive filter, which undoes that of the encoder.

    Class attributes:
        is_forgetful: Whether its streams begin every piece as if nothing had been before: a mistake easily made.
    """

    name = "test-residual"
    packages = ("scipy",)
    prefixes = (1, 2, 3)
    pole: ClassVar[float] = 0.9
    is_forgetful: ClassVar[bool] = False

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        """Three codebooks of 16 entries."""
        if mode is not None:
            raise cls.no_such_mode(mode)
        books = (Codebook(16, hop=1),) * 3
        title = "Residual (test)"
        return CodecSpec(
            title, Group.CLASSIC, RATE, RATE, books, causal=True, streaming=True, source="codec_bench.testing",
            cacheable=True,
        )  # fmt: skip

    def _encode(self, samples: FloatArray) -> Code:
        before = np.concatenate([np.zeros(1, np.float32), samples[:-1]])
        steps = np.clip(np.round((samples - self.pole * before + 2) * 1024), 0, 4095).astype(np.int64)
        return self.tokens([steps >> 8, (steps >> 4) & 15, steps & 15])

    def _decode(self, code: Code) -> FloatArray:
        session = self.stream()
        return np.concatenate([session.push(self.stacked_books(code)), session.flush()])

    def stream(self) -> ResidualStream:
        """A new session."""
        return ResidualStream(self.pole, is_forgetful=self.is_forgetful)


class ResidualStream:
    """Decodes frames of `Residual`; the last 5 ms wait for more."""

    look_ahead: ClassVar[int] = RATE // 200

    def __init__(self, pole: float, *, is_forgetful: bool) -> None:
        self._pole = pole
        self._is_forgetful = is_forgetful
        self._state = np.zeros(1)
        self._waiting = np.zeros(0, np.float32)

    def push(self, frames: IntArray) -> FloatArray:
        """Takes frames `[codebooks, k]`; gives what no later one changes."""
        from scipy.signal import lfilter

        whole = np.full((3, frames.shape[1]), 8)  # the middle of what was not sent
        whole[: len(frames)] = frames
        steps = ((whole[0] << 8) + (whole[1] << 4) + whole[2]) / 1024 - 2
        before = np.zeros(1) if self._is_forgetful else self._state
        made, self._state = lfilter([1.0], [1.0, -self._pole], steps, zi=before)
        ready = np.concatenate([self._waiting, made.astype(np.float32)])
        keep = max(0, len(ready) - self.look_ahead)
        self._waiting = ready[keep:]
        return ready[:keep]

    def flush(self) -> FloatArray:
        """What still waited."""
        last, self._waiting = self._waiting, np.zeros(0, np.float32)
        return last


def _content(samples: FloatArray) -> int:
    """A number that depends on the samples and on nothing else."""
    return int.from_bytes(hashlib.sha256(samples.astype("<f4").tobytes()).digest()[:8], "little")


def _number(cls: type[Codec], mode: str | None, kind: Callable[[str], float]) -> float:
    try:
        return kind(mode or "")
    except ValueError:
        raise cls.no_such_mode(mode) from None
