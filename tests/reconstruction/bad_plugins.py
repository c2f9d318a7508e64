"""Codecs and metrics of a user that raise, chance or write where they should not; all decode what they were given."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from codec_bench.adapters import Codec, CodecSpec, Group
from codec_bench.metrics import register_metric
from codec_bench.tokens import Codebook


class Plain(Codec):
    """16-bit PCM as tokens."""

    name = "plain"
    spec = CodecSpec("Plain", Group.ACOUSTIC, 16_000, 16_000, (Codebook(65_536, hop=1),), cacheable=True)

    def _encode(self, samples: Any) -> Any:
        return self.tokens([np.round(np.clip(samples, -1, 1) * 32_767).astype(np.int64) + 32_768])

    def _decode(self, code: Any) -> Any:
        return ((code.streams[0].codes - 32_768) / 32_767).astype(np.float32)


class Namesake(Plain):
    """Another codec whose author called it the same."""

    def _decode(self, code: Any) -> Any:
        return super()._decode(code) / 2


class LoadRaises(Plain):
    name = "load-raises"

    def load(self, device: str = "cpu") -> None:
        _ = {"state_dict": 1}["generator"]  # type: ignore[index]


class LoadExits(Plain):
    name = "load-exits"

    def load(self, device: str = "cpu") -> None:
        raise SystemExit(7)


class SpecRaises(Plain):
    name = "spec-raises"

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        assert mode, "24000 Hz are needed"
        return cls.spec


class InitRaises(Plain):
    name = "init-raises"

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        raise FileNotFoundError("config.yaml")


class PartsRaise(Plain):
    name = "parts-raise"

    def _fingerprint_parts(self) -> Any:
        raise OSError("libcodec.so: wrong ELF class")


class UnsupportedExits(Plain):
    name = "unsupported-exits"

    @classmethod
    def unsupported(cls) -> str | None:
        raise SystemExit("no GPU here")


class WeightsRaise(Plain):
    name = "weights-raise"

    def needed_weights(self) -> Any:
        return ("model.pt", {}["weights"])


class EncodeExits(Plain):
    name = "encode-exits"

    def _encode(self, samples: Any) -> Any:
        raise SystemExit(3)


class DecodeRaises(Plain):
    name = "decode-raises"

    def _decode(self, code: Any) -> Any:
        return np.linalg.inv(np.zeros((2, 2)))


class Interrupts(Plain):
    name = "interrupts"

    def _encode(self, samples: Any) -> Any:
        raise KeyboardInterrupt


class Cancels(Plain):
    name = "cancels"

    def _decode(self, code: Any) -> Any:
        raise asyncio.CancelledError


class Mute(Exception):  # noqa: N818 - it says nothing, not even its name
    def __str__(self) -> str:
        raise ValueError("no text")


class RaisesMute(Plain):
    name = "raises-mute"

    def _encode(self, samples: Any) -> Any:
        raise Mute


class Training(Plain):
    """As with dropout that was left on."""

    name = "training"

    def _decode(self, code: Any) -> Any:
        return (super()._decode(code) + 0.01 * np.random.randn(len(code.streams[0].codes))).astype(np.float32)


class Announced(Training):
    """The same, and says so."""

    name = "announced"
    spec = CodecSpec("A", Group.ACOUSTIC, 16_000, 16_000, (Codebook(65_536, hop=1),), cacheable=True, stochastic=True)


class Stateful(Plain):
    """An encoder that goes on where the last recording ended."""

    name = "stateful"
    carried = 0.0

    def _encode(self, samples: Any) -> Any:
        made = super()._encode(samples + self.carried)
        self.carried = float(samples[-1]) + 0.25
        return made


class Batched(Plain):
    """Returns what a network gives, with the dimensions of its batch."""

    name = "batched"

    def _decode(self, code: Any) -> Any:
        return super()._decode(code)[None, None]


class LeadsOut(Plain):
    name = "x/../../y"


class Markup(Plain):
    name = "<script>window.pwned=1</script>"


class Unknown(Plain):
    """Might read anything."""

    name = "unknown"
    spec = CodecSpec("U", Group.ACOUSTIC, 16_000, 16_000, (Codebook(65_536, hop=1),))


@register_metric("level", better="lower", rate=16_000)
def level(reference: Any, decoded: Any) -> float:
    """Mean difference of samples."""
    return float(np.abs(reference.samples - decoded.samples).mean())


@register_metric("eraser", better="lower", rate=16_000)
def eraser(reference: Any, decoded: Any) -> float:
    """Writes into its input."""
    reference.samples[:] = 0
    return 1.0


@register_metric("eraser_by_tensor", better="lower", rate=16_000)
def eraser_by_tensor(reference: Any, decoded: Any) -> float:
    """The same by memory that it shares, which nothing can forbid."""
    array = decoded.samples
    address, length = array.__array_interface__["data"][0], array.nbytes
    import ctypes

    ctypes.memset(address, 0, length)
    return 1.0


@register_metric("exits", better="lower", rate=16_000)
def exits(decoded: Any) -> float:
    """Ends its process, if it may."""
    raise SystemExit(0)


@register_metric("dies", better="lower", rate=16_000)
def dies(decoded: Any) -> float:
    """Ends its process, whether it may or not."""
    import os

    os._exit(0)


@register_metric("words", better="lower", rate=16_000)
def words(decoded: Any) -> Any:
    """Returns no number."""
    return "many"


@register_metric("interrupts_scoring", better="lower", rate=16_000)
def interrupts_scoring(decoded: Any) -> Any:
    """Raises what Ctrl-C raises."""
    raise KeyboardInterrupt


@register_metric("cancels_scoring", better="lower", rate=16_000)
def cancels_scoring(decoded: Any) -> Any:
    """Raises what is no `Exception`."""
    raise asyncio.CancelledError


@register_metric("mute", better="lower", rate=16_000)
def mute(decoded: Any) -> Any:
    """Raises an exception that cannot be told."""
    raise Mute
