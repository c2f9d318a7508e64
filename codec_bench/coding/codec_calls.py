"""All calls into codecs: load, encode and decode into the caches. What a codec does wrong costs one recording."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.systems import System
from codec_bench.audio import Audio
from codec_bench.cache import ArrayCache
from codec_bench.coding.addresses import Addresses
from codec_bench.coding.batching import by_length, halved
from codec_bench.coding.conditions import Piece
from codec_bench.coding.devices import chosen_device
from codec_bench.coding.signals import audio_of, entry_of
from codec_bench.errors import CodecBenchError, CodecError, UnavailableError
from codec_bench.faults import contained, explained, trace_of
from codec_bench.records import NotScorable, Status
from codec_bench.tokens import Code, Tokens, code_from_arrays

logger = logging.getLogger(__name__)

In = TypeVar("In", Audio, Code)
Out = TypeVar("Out", Audio, Code)

GPU_BATCH_SECONDS = 120.0
"""Enough to keep a GPU busy; a batch that does not fit is halved."""


REPEATED_SECONDS = 60.0
"""Up to this length, the first recording of a codec is coded twice, to see whether the same comes out."""

_NEGLIGIBLE = 1e-3
"""Difference of decoded audio out of its peak: a GPU adds up in another order from call to call."""


class CodecCalls:
    """Calls codecs, one loaded at a time.

    Args:
        cache: Folder of the caches.
        device: Where codecs run; `auto` takes a GPU for codecs that use torch, where there is one.
        batch_seconds: Seconds of audio that are coded together, padding included; see `batch_budget`.

    Attributes:
        devices: Where each codec that was loaded ran, by name.
        notes: What people should know of a codec, by name: it differs from call to call, its shapes were made to fit.
    """

    def __init__(self, cache: Path, device: str, batch_seconds: float | None = None) -> None:
        self._codes = ArrayCache(cache / "codes")
        self._audio = ArrayCache(cache / "audio")
        self._at = Addresses()
        self._device = device
        self._batch_seconds = batch_seconds
        self.devices: dict[str, str] = {}
        self.notes: dict[str, list[str]] = {}
        self._repeated: set[int] = set()
        self._loaded: Codec | None = None
        self._broken: dict[int, tuple[str, Status, str]] = {}

    def load(self, codec: Codec) -> None:
        """Loads a codec in the place of the one before; it is not tried twice.

        Raises:
            NotScorable: It cannot be loaded.
        """
        if id(codec) in self._broken:
            raise NotScorable(*self._broken[id(codec)])
        if self._loaded is codec:
            return
        self.close()
        device = chosen_device(self._device, codec)
        try:
            contained(codec.load, device)
            self._check_state(codec)
        except Exception as error:  # noqa: BLE001 - whatever a plug-in raises costs its own utterances
            is_told = isinstance(error, UnavailableError | NotScorable)
            reason = f"{codec.name} cannot be loaded: {error if is_told else explained(error)}"
            self._broken[id(codec)] = (reason, Status.ENCODE_FAILED, "" if is_told else trace_of(error))
            raise NotScorable(*self._broken[id(codec)]) from None
        self._loaded = codec
        self.devices[codec.name] = device

    @staticmethod
    def _check_state(codec: Codec) -> None:
        """Raises where a plug-in holds other numbers than when the run was planned."""
        made = codec.plug_in
        if made is not None and made.tensors and made.tensors != codec.held().tensors:
            raise NotScorable("its parameters are others than when the run was planned; run again")

    def close(self) -> None:
        """Frees the loaded codec."""
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None

    def code(
        self, system: System, pieces: Sequence[Piece], *, decode: bool = True, limit: float = math.inf
    ) -> dict[str, NotScorable]:
        """Encodes pieces, and decodes them, where the caches lack that.

        The first one that leaves room for it in the `limit`, the seconds that one may take, is coded twice.

        Returns:
            Why a piece could not be coded, by its address.
        """
        codec = system.source
        assert isinstance(codec, Codec), "prepared audio is not coded"
        if budget := batch_budget(self._batch_seconds, chosen_device(self._device, codec)):
            self._encode_together(codec, pieces, budget)
            if decode:
                self._decode_together(system, codec, [piece.address for piece in pieces], budget)
            self._repeat(system, codec, pieces[0], None, decode)
        failed = {}
        for piece in pieces:
            started = time.perf_counter()
            try:
                code = self._code(codec, piece)
                if decode:
                    self._decode(system, codec, piece, code)
                if not budget and 3 * (time.perf_counter() - started) < limit:
                    self._repeat(system, codec, piece, code, decode)
            except NotScorable as outcome:
                # A new one: that which was caught holds the frames of the codec, and with them its memory.
                failed[piece.address] = NotScorable(outcome.reason, outcome.status, outcome.trace)
        if codec.notes:
            self.notes.setdefault(codec.name, []).extend(n for n in codec.notes if n not in self.notes[codec.name])
        return failed

    def latents(self, codec: Codec, tokens: Tokens) -> dict[str, NDArray[np.float32]]:
        """What `Codec.latents` gives.

        Raises:
            NotScorable: The codec failed.
            UsageError: It offers none.
        """
        found: Mapping[str, Any] = self._guarded(codec, Status.DECODE_FAILED, codec.latents, tokens)
        return {name: np.asarray(values, np.float32) for name, values in found.items()}

    def _code(self, codec: Codec, piece: Piece) -> Code:
        key = self._at.code(codec, piece.address)
        entry = self._codes.get(key)
        if entry is not None:
            return code_from_arrays(entry)
        heard = piece.audio()
        self.load(codec)
        started = time.perf_counter()
        code: Code = self._guarded(codec, Status.ENCODE_FAILED, codec.encode, heard)
        seconds = time.perf_counter() - started
        self._codes.put(key, code.to_arrays() | {"encode_seconds": np.array(seconds)})
        return code

    def _repeat(self, system: System, codec: Codec, piece: Piece, code: Code | None, decode: bool) -> None:
        """Codes a recording once more, and notes what comes out differently although the codec announces no chance.

        `code` is what was made of it; None where that came from a batch, which may differ by rounding.
        """
        if self._loaded is not codec or id(codec) in self._repeated or codec.spec.stochastic:
            return
        differing = []
        try:
            heard = piece.audio()
            if heard.seconds > REPEATED_SECONDS:
                return
            self._repeated.add(id(codec))
            encode = partial(self._guarded, codec, Status.ENCODE_FAILED, codec.encode, heard)
            first: Code = encode() if code is None else code
            if not _same_code(first, encode()):
                differing.append("encode")
            if decode:
                made = partial(self._guarded, codec, Status.DECODE_FAILED, codec.decode, first, system.codebooks)
                entry = None if code is None else self._audio.get(self._at.audio(system, piece.address))
                if not _same_audio(made() if entry is None else audio_of(entry), made()):
                    differing.append("decode")
        except NotScorable as outcome:
            logger.debug("%s fails on the second call: %s", codec.name, outcome.reason)
        if differing:
            halves = " and ".join(differing)
            self.notes.setdefault(codec.name, []).append(
                f"`{halves}` of the same input differ{'s' * (len(differing) == 1)} from call to call: is the model in "
                "training mode, or is state kept between calls? If chance is meant, its spec says `stochastic=True`"
            )

    def _decode(self, system: System, codec: Codec, piece: Piece, code: Code) -> None:
        key = self._at.audio(system, piece.address)
        if self._audio.get(key) is None:
            self.load(codec)  # a code from the cache may come before any model is loaded: which is not decoding
            started = time.perf_counter()
            audio = self._guarded(codec, Status.DECODE_FAILED, codec.decode, code, system.codebooks)
            self._audio.put(key, entry_of(audio, time.perf_counter() - started))

    def _encode_together(self, codec: Codec, pieces: Sequence[Piece], budget: float) -> None:
        """Encodes the pieces that the cache has no code for; the time is shared out by their length."""
        heard: list[tuple[str, Audio]] = []
        for piece in pieces:
            key = self._at.code(codec, piece.address)
            if key not in self._codes:
                try:
                    audio = piece.audio()
                    audio.check("the input")
                except NotScorable:
                    continue
                heard.append((key, audio))
        for key, code, seconds in self._together(codec, codec.encode_batch, heard, budget):
            self._codes.put(key, code.to_arrays() | {"encode_seconds": np.array(seconds)})

    def _decode_together(self, system: System, codec: Codec, recordings: Sequence[str], budget: float) -> None:
        """Decodes the codes that are there and whose audio is not."""
        waiting: list[tuple[str, Code]] = []
        for recording in recordings:
            key = self._at.audio(system, recording)
            if key not in self._audio and (entry := self._codes.get(self._at.code(codec, recording))) is not None:
                waiting.append((key, code_from_arrays(entry)))

        def decode(codes: Sequence[Code]) -> list[Audio]:
            return codec.decode_batch(codes, system.codebooks)

        for key, audio, seconds in self._together(codec, decode, waiting, budget):
            self._audio.put(key, entry_of(audio, seconds))

    def _together(
        self,
        codec: Codec,
        function: Callable[[Sequence[In]], Sequence[Out]],
        keyed: Sequence[tuple[str, In]],
        budget: float,
    ) -> Iterator[tuple[str, Out, float]]:
        """What a codec makes of batches of like lengths: key, result and share of the time, by length.

        What fails in a batch is left out; tried alone afterwards, it says why.
        """

        def failed(error: Exception) -> Out | None:
            logger.debug("%s failed on one of a batch", codec.name, exc_info=error)
            return None

        for batch in by_length(keyed, lambda entry: entry[1].seconds, budget):
            try:
                self.load(codec)
            except NotScorable:
                return
            started = time.perf_counter()
            made = halved(lambda part: contained(function, part), [given for _, given in batch], failed)
            spent = time.perf_counter() - started
            whole = sum(given.seconds for _, given in batch) or 1.0
            for (key, given), result in zip(batch, made, strict=True):
                if result is not None:
                    yield key, result, spent * given.seconds / whole

    def _guarded(self, codec: Codec, failed: Status, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls into a codec; whatever it raises costs one recording, not the run."""
        self.load(codec)
        try:
            return contained(function, *arguments)
        except (NotScorable, CodecBenchError):
            raise
        except Exception as error:
            reason = str(error) if isinstance(error, CodecError) else explained(error)
            raise NotScorable(reason, failed, trace_of(error)) from error


def batch_budget(batch_seconds: float | None, device: str) -> float:
    """Seconds of audio that are coded together; 0 codes one recording at a time, as None does on a CPU."""
    if batch_seconds is not None:
        return batch_seconds
    return 0.0 if device == "cpu" else GPU_BATCH_SECONDS


def _same_code(one: Code, other: Code) -> bool:
    """Whether two codes of a recording are the same."""
    left, right = one.to_arrays(), other.to_arrays()
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def _same_audio(one: Audio, other: Audio) -> bool:
    """Whether two decoded signals are the same, but for rounding."""
    peak = float(np.nan_to_num(np.abs(one.samples)).max(initial=0.0))
    return np.allclose(one.samples, other.samples, rtol=0, atol=_NEGLIGIBLE * peak, equal_nan=True)
