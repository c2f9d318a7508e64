# ruff: noqa: T201
"""A codec that misbehaves as its setting says: `tests.coding.misbehaving:Misbehaving@segv`.

Where `VICTIM_SAMPLES` is set it does so only where it is given so many samples at 16 kHz.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.audio import FloatArray
from codec_bench.tokens import Code, Codebook, Tokens

HOP = 320


def _raise(error: BaseException) -> Callable[[], Any]:
    def misdeed() -> None:
        raise error

    return misdeed


def _recurse() -> None:
    _recurse()


def _take_all() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), -1))  # the machine of the test keeps its own
    kept = []
    while True:
        kept.append(np.zeros(1 << 24))


def _talk() -> None:
    print("a line")
    os.write(1, b"and one past Python\n")


MISDEEDS: Mapping[str, Callable[[], Any]] = {
    "none": lambda: None,
    "segv": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "abort": os.abort,
    "os-exit": lambda: os._exit(0),
    "exit": _raise(SystemExit(0)),
    "interrupt": _raise(KeyboardInterrupt()),
    "generator-exit": _raise(GeneratorExit()),
    "recursion": _recurse,
    "stop-iteration": _raise(StopIteration()),
    "no-memory": _raise(MemoryError("no")),
    "memory": _take_all,
    "hang": lambda: time.sleep(10**6),
    "close-files": lambda: os.closerange(3, 200),
    "fork": os.fork,
    "print": _talk,
    "clear-environment": os.environ.clear,
    "leave-folder": lambda: os.chdir("/"),
    "ignore-ctrl-c": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    "load-exit": _raise(SystemExit(3)),
    "load-die": lambda: os._exit(5),
    "load-key": _raise(KeyError("weights")),
}


class Misbehaving(Codec):
    """Sends the mean of each 20 ms as 8 bits."""

    name = "misbehaving"
    modes = tuple(MISDEEDS)

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        """One codebook."""
        if mode not in MISDEEDS:
            raise cls.no_such_mode(mode)
        return CodecSpec("Misbehaving", Group.CLASSIC, 16_000, 16_000, (Codebook(256, HOP),))

    def load(self, device: str = "cpu") -> None:
        """Misbehaves here where the setting says so."""
        if str(self.mode).startswith("load-"):
            MISDEEDS[str(self.mode)]()

    def _encode(self, samples: FloatArray) -> Code:
        victim = int(os.environ.get("VICTIM_SAMPLES") or len(samples))
        if not str(self.mode).startswith("load-") and len(samples) == victim:
            MISDEEDS[str(self.mode)]()
        frames = np.pad(samples, (0, -len(samples) % HOP)).reshape(-1, HOP)
        return self.tokens([np.clip(np.round((frames.mean(axis=1) + 1) * 127.5), 0, 255).astype(np.int64)])

    def _encode_batch(self, batch: Sequence[FloatArray]) -> Sequence[Code]:
        return [self._encode(samples) for samples in batch]

    def _decode(self, code: Code) -> FloatArray:
        assert isinstance(code, Tokens)
        return np.repeat(code.streams[0].codes / 127.5 - 1, HOP).astype(np.float32)

    def latents(self, tokens: Tokens) -> Mapping[str, NDArray[np.float32]]:
        """The means; misbehaves where there are as many as a victim has."""
        if len(tokens.streams[0].codes) * HOP >= float(os.environ.get("VICTIM_LATENTS", "inf")):
            MISDEEDS["segv"]()
        return {"quantized": (tokens.streams[0].codes[:, None] / 127.5 - 1).astype(np.float32)}
