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
from codec_bench.cache import ArrayCache, CodeCache
from codec_bench.coding.addresses import Addresses
from codec_bench.coding.batching import by_length, halved
from codec_bench.coding.conditions import Piece
from codec_bench.coding.devices import chosen_device, device_of
from codec_bench.coding.passage import CHANNEL, Passage
from codec_bench.coding.signals import audio_of, entry_of
from codec_bench.errors import CodecBenchError, CodecError, UnavailableError
from codec_bench.faults import contained, explained, trace_of
from codec_bench.processes.support import SEED, seed
from codec_bench.records import NotScorable, Status
from codec_bench.tokens import Code, Tokens

logger = logging.getLogger(__name__)

In = TypeVar("In", Audio, Code)
Out = TypeVar("Out", Audio, Code)

GPU_BATCH_SECONDS = 120.0
"""Enough to keep a GPU busy; a batch that does not fit is halved."""


REPEATED_SECONDS = 60.0
"""Up to this length, the first recording of a codec is coded twice, to see whether the same comes out."""

_NEGLIGIBLE = 1e-3
"""Difference of decoded audio out of its peak: a GPU adds up in another order from call to call."""

_LIKE_ALONE = 0.9
"""Share of a code that must be the same whether a recording is encoded alone or in a batch, which rounds otherwise."""

_UNLIKE_ALONE = 0.01
"""Energy that decoded audio alone and in a batch may differ by, out of that of the audio: -20 dB."""


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
        self._codes = CodeCache(cache / "codes")
        self._audio = ArrayCache(cache / "audio")
        self._at = Addresses()
        self._device = device
        self._batch_seconds = batch_seconds
        self.devices: dict[str, str] = {}
        self.notes: dict[str, list[str]] = {}
        self._repeated: set[int] = set()
        self._varying: set[int] = set()
        self._compared: set[int] = set()
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
        if codec.live:  # it is loaded, and belongs to the caller
            self._loaded, self.devices[codec.name] = codec, device_of(codec)
            return
        device = chosen_device(self._device, codec)
        try:
            seed(SEED)  # a network that is drawn by chance is the same one in every process
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
            raise NotScorable(
                "its parameters are others than when the run was planned: were its files replaced? does it draw them?"
            )

    def close(self) -> None:
        """Frees the loaded codec."""
        if self._loaded is not None:
            if not self._loaded.live:
                self._loaded.close()
            self._loaded = None

    def code(
        self, system: System, pieces: Sequence[Piece], *, decode: bool = True, limit: float = math.inf
    ) -> dict[str, NotScorable]:
        """Encodes pieces, and decodes them, where the caches lack that.

        The first one that leaves room for it in the `limit`, the seconds that one may take, is coded twice.

        Returns:
            Why a piece could not be coded, by its place.
        """
        codec = system.source
        assert isinstance(codec, Codec), "prepared audio is not coded"
        # What was encoded by a process that died of it is not encoded again.
        is_due = id(codec) not in self._repeated
        new = [piece for piece in pieces if is_due and self._at.code(codec, piece.address) not in self._codes]
        if budget := batch_budget(self._batch_seconds, chosen_device(self._device, codec)):
            coded = self._encode_together(codec, pieces, budget)
            decoded = self._decode_together(system, codec, pieces, budget) if decode else None
            if new:
                self._repeat(system, codec, new[0], None, decode)
            self._compare_alone(system, codec, coded, decoded)
        failed = {}
        for piece in pieces:
            started = time.perf_counter()
            try:
                code = self._code(codec, piece)
                if decode:
                    self._decode(system, codec, piece, code)
                if piece in new and not budget and 3 * (time.perf_counter() - started) < limit:
                    self._repeat(system, codec, piece, code, decode)
            except NotScorable as outcome:
                # A new one: that which was caught holds the frames of the codec, and with them its memory.
                failed[piece.place] = NotScorable(outcome.reason, outcome.status, outcome.trace)
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

    def hidden(self, codec: Codec, audio: Audio, layers: Sequence[int]) -> dict[str, NDArray[np.float32]]:
        """What `Codec.hidden` gives, by the number of the layer as a text.

        Raises:
            NotScorable: The codec failed.
            UsageError: It has no such layer.
        """
        found: Mapping[int, Any] = self._guarded(codec, Status.ENCODE_FAILED, codec.hidden, audio, layers)
        return {str(layer): values for layer, values in found.items()}

    def _code(self, codec: Codec, piece: Piece) -> Code:
        key = self._at.code(codec, piece.address)
        known = self._codes.code(key)
        if known is not None:
            return known[0]
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
                entry = None if code is None or piece.steps else self._audio.get(self._at.audio(system, piece.place))
                if not _same_audio(made() if entry is None else audio_of(entry), made()):
                    differing.append("decode")
        except NotScorable as outcome:
            logger.debug("%s fails on the second call: %s", codec.name, outcome.reason)
        if differing:
            self._varying.add(id(codec))
            halves = " and ".join(differing)
            self.notes.setdefault(codec.name, []).append(
                f"`{halves}` of the same input differ{'s' * (len(differing) == 1)} from call to call: is the model in "
                "training mode, or is state kept between calls? If chance is meant, its spec says `stochastic=True`"
            )

    def _compare_alone(self, system: System, codec: Codec, coded: Piece | None, decoded: Piece | None) -> None:
        """Codes a recording of a batch once more, alone, and notes where a plug-in makes something else of it.

        `coded` and `decoded` are the first of batches, which are the shortest: padding shows most in them, and they are
        what a buffer loses that is filled anew for each recording.
        """
        if not (coded or decoded) or id(codec) in self._compared | self._varying:
            return
        if codec.spec.stochastic or codec.plug_in is None:
            return
        self._compared.add(id(codec))
        differing = []
        try:
            if coded and (known := self._codes.code(self._at.code(codec, coded.address))) is not None:
                alone: Code = self._guarded(codec, Status.ENCODE_FAILED, codec.encode, coded.audio())
                if (same := _share_of_same(known[0], alone)) < _LIKE_ALONE:
                    differing.append(f"of the code of `_encode_batch`, {same:.0%} is as `_encode` makes it")
            if decoded and (entry := self._audio.get(self._at.audio(system, decoded.place))) is not None:
                code = self._code(codec, decoded)
                single: Audio = self._guarded(codec, Status.DECODE_FAILED, codec.decode, code, system.codebooks)
                if not _is_like(audio_of(entry), single):
                    differing.append("the audio of `_decode_batch` is another than that of `_decode`")
        except NotScorable as outcome:
            logger.debug("%s fails alone: %s", codec.name, outcome.reason)
        if differing:
            self.notes.setdefault(codec.name, []).append(
                f"{' and '.join(differing)}: has each result of a batch memory of its own, is the padding masked? "
                "--batch-seconds 0 codes one recording at a time"
            )

    def _decode(self, system: System, codec: Codec, piece: Piece, code: Code) -> None:
        key = self._at.audio(system, piece.place)
        if self._audio.get(key) is None:
            self.load(codec)  # a code from the cache may come before any model is loaded: which is not decoding
            aside = 0.0
            started = time.perf_counter()
            if piece.steps:
                passage = Passage(codec, system.codebooks)
                audio = self._guarded(codec, Status.DECODE_FAILED, passage.audio, code, piece.steps)
                aside = passage.aside
                channel = {f"{CHANNEL}{name}": np.array(value) for name, value in passage.facts.items()}
            else:
                audio = self._guarded(codec, Status.DECODE_FAILED, codec.decode, code, system.codebooks)
                channel = {}
            self._audio.put(key, entry_of(audio, time.perf_counter() - started - aside) | channel)

    def _encode_together(self, codec: Codec, pieces: Sequence[Piece], budget: float) -> Piece | None:
        """Encodes the pieces that the cache has no code for; the time is shared out by their length.

        Returns:
            The first that was in a batch with others.
        """
        heard: list[tuple[Piece, Audio]] = []
        for piece in pieces:
            if self._at.code(codec, piece.address) not in self._codes:
                try:
                    audio = piece.audio()
                    audio.check("the input")
                except NotScorable:
                    continue
                heard.append((piece, audio))
        first = None
        for piece, code, seconds, is_one_of_several in self._together(codec, codec.encode_batch, heard, budget):
            key = self._at.code(codec, piece.address)
            self._codes.put(key, code.to_arrays() | {"encode_seconds": np.array(seconds)})
            if first is None and is_one_of_several:
                first = piece
        return first

    def _decode_together(self, system: System, codec: Codec, pieces: Sequence[Piece], budget: float) -> Piece | None:
        """Decodes the codes that are there and whose audio is not.

        Returns:
            The first that was in a batch with others.
        """
        waiting: list[tuple[Piece, Code]] = []
        for piece in pieces:
            known = self._codes.code(self._at.code(codec, piece.address))
            is_plain = not piece.steps  # each other code goes its own way
            if is_plain and known is not None and self._at.audio(system, piece.place) not in self._audio:
                waiting.append((piece, known[0]))

        def decode(codes: Sequence[Code]) -> list[Audio]:
            return codec.decode_batch(codes, system.codebooks)

        first = None
        for piece, audio, seconds, is_one_of_several in self._together(codec, decode, waiting, budget):
            self._audio.put(self._at.audio(system, piece.place), entry_of(audio, seconds))
            if first is None and is_one_of_several:
                first = piece
        return first

    def _together(
        self,
        codec: Codec,
        function: Callable[[Sequence[In]], Sequence[Out]],
        given: Sequence[tuple[Piece, In]],
        budget: float,
    ) -> Iterator[tuple[Piece, Out, float, bool]]:
        """What a codec makes of batches of like lengths: piece, result, share of the time, whether it was in company.

        What fails in a batch is left out; tried alone afterwards, it says why.
        """

        def failed(error: Exception) -> Out | None:
            logger.debug("%s failed on one of a batch", codec.name, exc_info=error)
            return None

        for batch in by_length(given, lambda entry: entry[1].seconds, budget):
            try:
                self.load(codec)
            except NotScorable:
                return
            started = time.perf_counter()
            made = halved(lambda part: contained(function, part), [one for _, one in batch], failed)
            spent = time.perf_counter() - started
            whole = sum(one.seconds for _, one in batch) or 1.0
            for (piece, one), result in zip(batch, made, strict=True):
                if result is not None:
                    yield piece, result, spent * one.seconds / whole, len(batch) > 1

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


def _share_of_same(one: Code, other: Code) -> float:
    """Which part of two codes is the same: of the first codebook, on which the others build, or of the packets."""
    if isinstance(one, Tokens) and isinstance(other, Tokens):
        parts: list[Sequence[Any]] = [code.streams[0].codes.tolist() if code.streams else [] for code in (one, other)]
    else:
        parts = [getattr(code, "packets", ()) for code in (one, other)]
    left, right = parts
    equal = sum(a == b for a, b in zip(left, right, strict=False))
    return equal / max(len(left), len(right), 1) if left or right else 1.0


def _is_like(one: Audio, other: Audio) -> bool:
    """Whether two decoded signals differ by little of their energy."""
    difference = np.nan_to_num(one.samples.astype(np.float64) - other.samples)
    return bool((difference**2).sum() <= _UNLIKE_ALONE * np.nan_to_num(other.samples.astype(np.float64) ** 2).sum())
