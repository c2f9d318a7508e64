"""Codecs whose cost is known, by name as `tests.speed.codecs:Sleeping@0.2`."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import numpy as np

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.audio import FloatArray
from codec_bench.environments import Environment
from codec_bench.errors import CodecError
from codec_bench.testing.codecs import Identity
from codec_bench.tokens import Code, Codebook, Tokens
from tests.processes.toy_codec import ToyCodec

MEGABYTES = 200


class Sleeping(Identity):
    """Sleeps for a fifth of the audio's length while it encodes, and for a twentieth while it decodes."""

    name = "sleeping"

    def _encode(self, samples: FloatArray) -> Any:
        time.sleep(0.2 * len(samples) / self.spec.input_rate)
        return super()._encode(samples)

    def _decode(self, code: Code) -> FloatArray:
        decoded = super()._decode(code)
        time.sleep(0.05 * len(decoded) / self.spec.output_rate)
        return decoded


class Hungry(Identity):
    """Holds 200 MB once it is loaded, and 200 MB more while it encodes."""

    name = "hungry"
    _held: Any = None

    def load(self, device: str = "cpu") -> None:
        self._held = np.ones(MEGABYTES * 1_000_000, np.uint8)

    def _encode(self, samples: FloatArray) -> Any:
        more = np.ones(MEGABYTES * 1_000_000, np.uint8)
        assert more[-1] == self._held[-1]
        return super()._encode(samples)


class Dying(Identity):
    """Kills its process where it is given more than half a second."""

    name = "dying"

    def _encode(self, samples: FloatArray) -> Any:
        if len(samples) > self.spec.input_rate / 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._encode(samples)


class Unloadable(Identity):
    """Cannot be loaded."""

    name = "unloadable"

    def load(self, device: str = "cpu") -> None:
        raise CodecError("its model is damaged")


class Deaf(Identity):
    """Encodes and cannot decode what it encoded."""

    name = "deaf"

    def _decode(self, code: Code) -> FloatArray:
        raise RuntimeError("no sound")


class Silent(Identity):
    """Has no decoder."""

    name = "silent"

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        return CodecSpec("Silent", Group.CLASSIC, 16_000, 16_000, hop=320, streaming=True, decodes=False)


class Apart(ToyCodec):
    """Runs in a process of its own, in an environment that has nothing of its own."""

    name = "apart"
    environment = Environment("small", inherits=True)


RATE, HOP, WIDTH = 16_000, 160, 8


class Convolution(Codec):
    """A strided convolution, and a transposed one back: WIDTH x HOP multiply-accumulates per frame in each direction.

    It decodes a stream frame by frame, and needs three frames for its first samples.
    """

    name = "convolution"
    packages = ("torch",)

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        return CodecSpec(
            "Convolution", Group.ACOUSTIC, RATE, RATE, (Codebook(256, HOP),) * WIDTH, delay=80, streaming=True,
            parameters=1,
        )  # fmt: skip

    def load(self, device: str = "cpu") -> None:
        import torch

        torch.manual_seed(0)
        self._device = device
        self._parts = {
            "encoder": torch.nn.Conv1d(1, WIDTH, HOP, HOP, bias=False).to(device),
            "decoder": torch.nn.ConvTranspose1d(WIDTH, 1, HOP, HOP, bias=False).to(device),
        }

    def _encode(self, samples: FloatArray) -> Tokens:
        import torch

        padded = np.pad(samples, (0, -len(samples) % HOP))
        with torch.inference_mode():
            found = self._parts["encoder"](torch.from_numpy(padded)[None].to(self._device))
        return self.tokens(np.asarray((128 + 127 * found.clamp(-1, 1)).round().long().cpu().numpy()))

    def _decode(self, code: Code) -> FloatArray:
        import torch

        assert isinstance(code, Tokens)
        levels = np.stack([stream.codes for stream in code.streams]).astype(np.float32) / 127 - 1
        with torch.inference_mode():
            return self._parts["decoder"](torch.from_numpy(levels)[None].to(self._device))[0, 0].cpu().numpy()

    def stream(self) -> Any:
        class Session:
            pushed = 0

            def push(self, frames: Any) -> FloatArray:
                assert frames.shape == (WIDTH, 1)
                self.pushed += 1
                return np.zeros(HOP if self.pushed >= 3 else 0, np.float32)

        return Session()
