"""Lyra V2, a SoundStream codec whose published tflite models run on one CPU core.

The models are three: an encoder (20 ms of audio -> 64 features), a residual vector quantiser of 46 stages of 16
entries, and a decoder (64 features -> 20 ms of audio). The first 16, 30 and 46 stages are the official 3.2, 6 and
9.2 kbit/s; any other number works as well, because every stage codes what the ones before it left over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.audio import FloatArray
from codec_bench.errors import CodecError, UnavailableError
from codec_bench.hub import RemoteFile, locate
from codec_bench.tokens import Code, Codebook, Tokens

RATE = 16_000
HOP = 320
STAGES = 46
ENTRIES = 16
FEATURES = 64

_COMMIT = "47698dadf0010abff6a848e02642f55f806d4842"
_FULL_SCALE = 32_768.0


def _weight(name: str, sha256: str, size: int) -> RemoteFile:
    source = f"https://github.com/google/lyra/raw/{_COMMIT}/lyra/model_coeffs/{name}"
    return RemoteFile(f"models/lyra_v2/{name}", sha256, size, source)


ENCODER = _weight(
    "soundstream_encoder.tflite", "237da0b16226fb0a68d49551c81bebf614e42142af72764448359f68581e88f1", 1_779_200
)
QUANTIZER = _weight("quantizer.tflite", "841ee05989687d32d1f616a8ad1419fc7eda37599d3c05c7cf5a0d60ccf8ac5c", 329_012)
DECODER = _weight("lyragan.tflite", "50e7839cda4f30599a3a34cfaddcd9c98449b049eee884e1a74295780448ad06", 1_475_160)


class Lyra(Codec):
    """Lyra V2 (version 1.3) at 16 kHz, 50 frames/s, up to 46 codebooks of 16 entries.

    The audio that goes in and comes out is on the 16-bit grid in [-1, 1), as in the reference implementation: samples
    are rounded and clipped before the encoder, clipped and cut off towards zero after the decoder.

    The models run with XNNPACK, as they do there, on one thread. Measured over 959 frames of speech (the lesser
    processors emulated): codes and audio are equal bit for bit with AVX-512 and with AVX2; without FMA 0.6 % of the
    codes differ. Speech is coded at the level it has; a peak of 0.1 to 0.2 costs 0.4 to 0.6 PESQ-WB.

    Source:
        N. Zeghidour et al., "SoundStream: An End-to-End Neural Audio Codec", TASLP 2022; https://github.com/google/lyra
    """

    name: ClassVar[str] = "lyra"
    packages: ClassVar[tuple[str, ...]] = ("ai-edge-litert",)
    prefixes: ClassVar[tuple[int, ...]] = (16, 30, 46)
    modules: ClassVar[tuple[str, ...]] = ("ai_edge_litert",)
    extra: ClassVar[str] = "lyra"

    _models: Mapping[RemoteFile, bytes] | None = None
    _quantizer: Any = None

    spec = CodecSpec(
        title="Lyra V2",
        group=Group.ACOUSTIC,
        input_rate=RATE,
        output_rate=RATE,
        codebooks=(Codebook(ENTRIES, HOP),) * STAGES,
        delay=0,
        parameters=1_365_441,
        causal=True,
        streaming=True,
        licence="Apache-2.0",
        source="https://github.com/google/lyra",
        weights=(ENCODER, QUANTIZER, DECODER),
    )

    @override
    def load(self, device: str = "cpu") -> None:
        reason = self.unavailable()
        if reason is not None:
            raise UnavailableError(reason)
        models = {weight: locate(weight).read_bytes() for weight in self.spec.weights}
        with _without_chatter():
            _interpreter(models[ENCODER])
            self._quantizer = _interpreter(models[QUANTIZER])
        self._models = models

    @override
    def close(self) -> None:
        self._models = self._quantizer = None

    def latents(self, tokens: Tokens) -> Mapping[str, NDArray[np.float32]]:
        """What the decoder sees: `quantized`, float32 `[frames, 64]`, the sum of the entries that the tokens name.

        Raises:
            CodecError: The codec is not loaded, or the streams differ in length.
        """
        return {"quantized": self._quantized(tokens)}

    def _quantized(self, code: Code) -> FloatArray:
        codes = self.stacked_books(code)
        indices = np.full((codes.shape[1], STAGES, 1, 1), -1, np.int32)  # -1 is the model's "this stage was not sent"
        indices[:, : len(codes), 0, 0] = codes.T
        dequantize = self._signature("decode")
        quantized = np.empty((len(indices), FEATURES), np.float32)
        for row, frame in zip(quantized, indices, strict=True):
            row[:] = dequantize(encoding_indices=frame)["output_0"].ravel()
        return quantized

    def _encode(self, samples: FloatArray) -> Tokens:
        frames = np.zeros((-(-len(samples) // HOP), HOP), np.float32)
        frames.ravel()[: len(samples)] = _to_16_bit(np.round(samples * _FULL_SCALE))
        quantize = self._signature("encode")
        stages = np.array(STAGES, np.int32)
        codes = np.empty((STAGES, len(frames)), np.int64)
        for column, features in enumerate(self._run(ENCODER, frames)):
            codes[:, column] = quantize(input_frames=features[None, None], num_quantizers=stages)["output_0"].ravel()
        return self.tokens(codes)

    def _decode(self, code: Code) -> FloatArray:
        samples = self._run(DECODER, self._quantized(code)).ravel()
        return _to_16_bit(np.trunc(samples * _FULL_SCALE))

    def _run(self, model: RemoteFile, frames: FloatArray) -> FloatArray:
        """Runs a streaming model over `[frames, inputs]` from its initial state; gives `[frames, outputs]`."""
        if self._models is None:
            raise CodecError("lyra is not loaded")
        # A new interpreter (1 ms) each time: the state is in resource variables, which neither `reset_all_variables`
        # nor `allocate_tensors` sets back.
        interpreter = _interpreter(self._models[model])
        (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
        out = np.empty((len(frames), int(np.prod(target["shape"]))), np.float32)
        for row, frame in zip(out, frames, strict=True):
            interpreter.set_tensor(source["index"], frame.reshape(source["shape"]))
            interpreter.invoke()
            row[:] = interpreter.get_tensor(target["index"]).ravel()
        return out

    def _signature(self, name: str) -> Any:
        if self._quantizer is None:
            raise CodecError("lyra is not loaded")
        return self._quantizer.get_signature_runner(name)


def _to_16_bit(steps: FloatArray) -> FloatArray:
    """Clips whole steps to the range of 16-bit audio and scales them to [-1, 1)."""
    return np.asarray(np.clip(steps, -_FULL_SCALE, _FULL_SCALE - 1) / _FULL_SCALE, np.float32)


def _interpreter(model: bytes) -> Any:
    """A model in its initial state, on one thread, so that the number of cores decides nothing."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Keeps the line off standard error that the C++ runtime writes when a process first makes a delegate.

    It has no switch, and it goes past `sys.stderr`. What fails is raised as an exception all the same.
    """
    try:
        kept = os.dup(2)
    except OSError:  # no standard error at all
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - os.devnull is not a path of the project
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
