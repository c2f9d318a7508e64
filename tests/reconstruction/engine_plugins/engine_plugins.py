"""Codecs and metrics that misbehave in a known way, for processes that tests start."""

from __future__ import annotations

import os
import signal
import time

import numpy as np

from codec_bench.audio import FloatArray
from codec_bench.errors import UnavailableError
from codec_bench.metrics import register_metric
from codec_bench.metrics.signal import Signal
from codec_bench.testing.codecs import Identity
from codec_bench.tokens import Bitstream


class Deadly(Identity):
    """Kills its process where the recording lasts more than four seconds."""

    name = "deadly"

    def _encode(self, samples: FloatArray) -> Bitstream:
        if len(samples) > 4 * 16_000:
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._encode(samples)


class Slow(Identity):
    """Takes half a second."""

    name = "slow"

    def _encode(self, samples: FloatArray) -> Bitstream:
        time.sleep(0.5)
        return super()._encode(samples)


class OnGpu(Identity):
    """Says that it uses torch, so that it gets a GPU where there is one; without one, it sends silence."""

    name = "on-gpu"
    packages = ("torch",)
    device = ""

    def load(self, device: str = "cpu") -> None:
        self.device = device

    def _change(self, samples: FloatArray) -> FloatArray:
        return samples if self.device == "cuda" else 0 * samples


class Late(Identity):
    """Gives what it got 64 ms late."""

    name = "late"

    def _change(self, samples: FloatArray) -> FloatArray:
        return np.concatenate([np.zeros(1024, np.float32), samples])[: len(samples)]


def _peak(decoded: Signal) -> float:
    return float(np.abs(decoded.samples).max())


@register_metric("peak", better="higher", rate=16_000, title="Peak", note="largest sample")
def peak(decoded: Signal) -> float:
    """Largest sample."""
    return _peak(decoded)


@register_metric("tired", better="higher", rate=16_000, title="Tired", note="takes half a second")
def tired(decoded: Signal) -> float:
    """Largest sample, after a while."""
    time.sleep(0.5)
    return _peak(decoded)


@register_metric("killer", better="higher", rate=16_000, title="Killer", note="kills its process")
def killer(decoded: Signal) -> float:
    """Kills its process where the recording lasts more than four seconds."""
    if len(decoded.samples) > 4 * 16_000:
        os.kill(os.getpid(), signal.SIGKILL)
    return _peak(decoded)


@register_metric("hanging", better="higher", rate=16_000, title="Hanging", note="hangs")
def hanging(decoded: Signal) -> float:
    """Hangs where the recording lasts more than four seconds."""
    if len(decoded.samples) > 4 * 16_000:
        time.sleep(600)
    return _peak(decoded)


@register_metric("absent", better="higher", rate=16_000, title="Absent", note="cannot run")
def absent(decoded: Signal) -> float:
    """Cannot run anywhere."""
    raise UnavailableError("pip install something")
