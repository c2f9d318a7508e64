"""Decoding a stream: tokens in as they come, samples out as soon as they are final."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from codec_bench.adapters.longcat.decoder import LOOK_AHEAD, LstmState
from codec_bench.adapters.longcat.frontend import RATE
from codec_bench.adapters.longcat.layers import History
from codec_bench.adapters.longcat.model import HOP, LongCatDecoder
from codec_bench.audio import FloatArray
from codec_bench.errors import CodecError
from codec_bench.inference import exact_inference
from codec_bench.tokens import IntArray


class StreamingDecoder:
    """A session of a 24 kHz decoder. Whatever the chunks, their samples joined are those of `LongCatDecoder.decode`.

    The LSTMs' state is carried on, the first convolution waits for its 3 frames of look-ahead, and every causal
    convolution keeps the end of what it saw. That is the same as keeping 15 past frames of the LSTMs' output and
    running all convolutions over them again for each chunk, at a twentieth of the work for chunks of one frame.

    Args:
        decoder: Loaded; several sessions can share it.
        codebooks: How many of those that it is given are decoded; all by default.

    Raises:
        CodecError: The decoder is not causal.

    >>> session = StreamingDecoder(decoder)  # doctest: +SKIP
    >>> for frames in source:  # doctest: +SKIP
    ...     play(session.push(frames))
    >>> play(session.flush())  # doctest: +SKIP
    """

    def __init__(self, decoder: LongCatDecoder, codebooks: int | None = None) -> None:
        if not decoder.causal:
            ahead = decoder.network.context[1]
            raise CodecError(
                f"the {decoder.rate // 1000} kHz decoder cannot decode a stream: its convolutions look {ahead} frames "
                "ahead at every rate; the 24 kHz decoders can"
            )
        self._decoder = decoder
        self._codebooks = codebooks
        self.reset()

    def reset(self) -> None:
        """Begins a new stream."""
        weight = self._decoder.network.first.weight
        self._states: list[LstmState | None] = [None] * len(self._decoder.network.memory.lstms)
        self._history = History()
        # The first convolution's input: what it still needs of the past, and what it cannot use yet.
        self._waiting = weight.new_zeros(1, weight.shape[1], LOOK_AHEAD)
        self._ended = False

    def push(self, frames: IntArray) -> FloatArray:
        """Takes the next frames, int64 `[codebooks, k]`, k >= 0, and gives the samples that no later frame can change.

        Returns:
            float32 `[m * 1440]`; m is k, but for the first 3 frames of the stream, which give none.

        Raises:
            CodecError: The codes do not belong to this decoder, or the stream has ended.
        """
        if self._ended:
            raise CodecError("the stream has ended; `reset` begins a new one")
        self._decoder.check(frames)
        frames = frames[: self._codebooks]
        if not frames.shape[1]:
            return np.zeros(0, np.float32)
        with exact_inference():
            return self._render(self._decoder.network.remember(self._decoder.tensor(frames[None]), self._states))

    def flush(self) -> FloatArray:
        """Ends the stream and gives the samples of the frames that still waited for their look-ahead.

        Returns:
            float32: the last 3 frames, or all of a stream that is shorter.
        """
        if self._ended or self._states[0] is None:  # nothing was pushed
            self._ended = True
            return np.zeros(0, np.float32)
        self._ended = True
        with exact_inference():
            return self._render(self._waiting.new_zeros(1, self._waiting.shape[1], LOOK_AHEAD))

    def _render(self, memory: Tensor) -> FloatArray:
        """The samples of all frames whose look-ahead is there with `memory`, `[1, width, k]`."""
        network = self._decoder.network
        self._waiting = torch.cat([self._waiting, memory], dim=-1)
        if self._waiting.shape[-1] <= 2 * LOOK_AHEAD:
            return np.zeros(0, np.float32)
        x = torch.nn.functional.conv1d(self._waiting, network.first.weight, network.first.bias)
        self._waiting = self._waiting[..., -2 * LOOK_AHEAD :]
        samples: FloatArray = network.finish(x, history=self._history)[0].float().cpu().numpy()
        return samples


@dataclass(frozen=True)
class Latency:
    """What a stream of single frames was measured to do.

    Attributes:
        frames: Frames that had to be pushed until the first samples came.
        look_ahead: Frames that were pushed but not heard, at every later moment of the stream.
        seconds: The time that `frames` last: what a listener waits at least, however fast the computer.
        compute: Seconds of wall time that a frame took, the median.
    """

    frames: int
    look_ahead: int
    seconds: float
    compute: float


def measure_latency(decoder: LongCatDecoder, frames: int = 16) -> Latency:
    """Pushes frames, more than the look-ahead, one by one into a causal decoder, and counts what comes out.

    Raises:
        CodecError: The decoder is not causal, or no samples came.
    """
    session = StreamingDecoder(decoder)
    codes = np.random.default_rng(0).integers(0, 8100, (decoder.codebooks, frames), np.int64)
    heard, waits, took = 0, [], []
    first = None
    for pushed in range(1, frames + 1):
        started = time.perf_counter()
        heard += len(session.push(codes[:, pushed - 1 : pushed]))
        took.append(time.perf_counter() - started)
        if heard:
            first = first or pushed
            waits.append(pushed - heard / decoder.hop)
    if first is None:
        raise CodecError(f"no samples came for {frames} frames")
    return Latency(first, round(max(waits)), first * HOP / RATE, statistics.median(took))
