"""Encode once, decode each prefix: the device side of a run, through the caches."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.codec import Codec, Prepared
from codec_bench.adapters.systems import System
from codec_bench.audio import Audio, read_audio
from codec_bench.cache import ArrayCache
from codec_bench.coding.batching import by_length, halved
from codec_bench.coding.conditions import Alteration, Piece
from codec_bench.coding.devices import chosen_device
from codec_bench.coding.items import Item
from codec_bench.coding.rows import Row
from codec_bench.coding.signals import describe
from codec_bench.errors import CodecBenchError, UnavailableError, UsageError
from codec_bench.fingerprint import address
from codec_bench.hub import local_digest
from codec_bench.records import NotScorable, Status
from codec_bench.tokens import Code, Tokens, code_from_arrays

logger = logging.getLogger(__name__)

In = TypeVar("In")
Out = TypeVar("Out")

GPU_BATCH_SECONDS = 120.0
"""Enough to keep a GPU busy; a batch that does not fit is halved."""

Entry = dict[str, NDArray[Any]]
"""Audio as the cache keeps it: `samples`, `rate`, and what is known about how it was made."""


@dataclass(frozen=True)
class Decoded:
    """Where the decoded audio of one pair is.

    Attributes:
        source: What the scoring process needs to load it: `identity` and `path` + `digest`, or `address`.
        facts: Payload bits, the seconds that they last, and the time that coding took; for an altered recording, what
            the alteration made of it. Neither for prepared audio as it is.
    """

    source: dict[str, Any]
    facts: dict[str, Any]


class Reconstructor:
    """Makes decoded audio, or finds it.

    Args:
        cache: Folder of the caches (`codes/`, `audio/`).
        device: Where codecs run; `auto` takes a GPU for codecs that use torch, where there is one.
        batch_seconds: Seconds of audio that are coded together, padding included; 0 codes one recording at a time, None
            does so on a CPU and takes `GPU_BATCH_SECONDS` on a GPU.

    Attributes:
        devices: Where each codec that was loaded ran, by name.
    """

    def __init__(self, cache: Path, device: str, batch_seconds: float | None = None) -> None:
        self._codes = ArrayCache(cache / "codes")
        self._audio = ArrayCache(cache / "audio")
        self._device = device
        self._batch_seconds = batch_seconds
        self.devices: dict[str, str] = {}
        self._loaded: Codec | None = None
        self._broken: dict[int, str] = {}
        self._recording: tuple[str, Audio] | None = None
        self._fingerprints: dict[int, tuple[System | Codec, str]] = {}

    def _fingerprint(self, of: System | Codec) -> str:
        """Computed once: it asks for versions and digests of files, which do not change during a run."""
        if id(of) not in self._fingerprints:
            self._fingerprints[id(of)] = (of, of.fingerprint)
        return self._fingerprints[id(of)][1]

    def identity(self, row: Row, item: Item) -> str:
        """Content address of the decoded audio of a pair, known before it is made.

        Raises:
            NotScorable: There is no file for the utterance, or the condition cannot use it.
        """
        if not isinstance(row.source, Prepared):
            return address(system=self._fingerprint(row.system), recording=row.condition.address(item))
        if isinstance(row.condition, Alteration):
            return row.condition.address(item)
        return f"file:{self._prepared_digest(row.source, item)}"

    def reference_identity(self, row: Row, item: Item) -> str:
        """Content address of what the decoded audio of a pair is scored against."""
        return row.condition.address(item) if row.altered_reference else item.identity

    def reference(self, row: Row, item: Item) -> dict[str, Any]:
        """What the scoring process needs to load the reference of a pair, altered where no cache has it.

        Raises:
            NotScorable: It cannot be obtained.
        """
        if row.altered_reference:
            self._altered(row, item)
        return self._reference_source(row, item, self.reference_identity(row, item))

    def sources(self, row: Row, item: Item, reference: str, decoded: str) -> dict[str, dict[str, Any]]:
        """What loads both signals of a pair that was decoded, as `reference` and `decoded`; nothing is made or read.

        Args:
            row: The row.
            item: The utterance.
            reference: What `reference_identity` returned.
            decoded: What `identity` returned.
        """
        return {
            "reference": self._reference_source(row, item, reference),
            "decoded": self._decoded_source(row, item, decoded),
        }

    def _reference_source(self, row: Row, item: Item, identity: str) -> dict[str, Any]:
        if row.altered_reference:
            return {"identity": identity, "address": identity}
        return {"identity": identity, "path": str(item.utterance.path), "digest": item.digest}

    def _decoded_source(self, row: Row, item: Item, identity: str) -> dict[str, Any]:
        if not isinstance(row.source, Prepared) or isinstance(row.condition, Alteration):
            return {"identity": identity, "address": identity}
        path = row.source.path(item.utterance)
        return {"identity": identity, "path": str(path), "digest": identity.removeprefix("file:")}

    def prepare(self, row: Row, items: Sequence[Item]) -> None:
        """Codes several utterances together where that is faster, so that `decoded` finds them.

        Nothing is lost here: what fails in a batch is left to `decoded`, which tries it alone and says why it failed.
        """
        if not isinstance(row.source, Codec) or not self._batch_budget(row.source):
            return
        pieces: dict[str, Piece] = {}
        for item in items:
            try:
                if self.identity(row, item) not in self._audio:
                    found = row.condition.pieces(item, lambda i: self._heard(row, i))
                    pieces |= {piece.address: piece for piece in found}
            except NotScorable:
                continue
        self._code_together(row, row.source, list(pieces.values()))

    def lacking(self, row: Row, item: Item) -> list[Piece]:
        """The pieces of a pair that `decoded` would have to encode or decode, for callers that do so elsewhere.

        Raises:
            NotScorable: The pieces cannot be obtained.
        """
        if isinstance(row.source, Prepared):
            return []
        pieces = row.condition.pieces(item, lambda i: self._heard(row, i))
        codec = self._fingerprint(row.source)
        uncoded = [p for p in pieces if address(code=codec, recording=p.address) not in self._codes]
        if self.identity(row, item) in self._audio:
            return uncoded
        system = self._fingerprint(row.system)
        return [p for p in pieces if p in uncoded or address(system=system, recording=p.address) not in self._audio]

    def code(self, row: Row, pieces: Sequence[Piece]) -> dict[str, NotScorable]:
        """Encodes and decodes pieces into the caches, together where the device makes that worth while.

        Returns:
            Why a piece could not be coded, by its address.
        """
        codec = row.source
        assert isinstance(codec, Codec), "prepared audio is not coded"
        self._code_together(row, codec, pieces)
        failed = {}
        for piece in pieces:
            try:
                code, _ = self._code(codec, piece)
                self._part(row, piece, code)
            except NotScorable as outcome:
                failed[piece.address] = outcome
        return failed

    def _code_together(self, row: Row, codec: Codec, pieces: Sequence[Piece]) -> None:
        if budget := self._batch_budget(codec):
            self._encode_together(codec, pieces, budget)
            self._decode_together(row, codec, [piece.address for piece in pieces], budget)

    def _batch_budget(self, codec: Codec) -> float:
        if self._batch_seconds is not None:
            return self._batch_seconds
        return 0.0 if chosen_device(self._device, codec) == "cpu" else GPU_BATCH_SECONDS

    def _encode_together(self, codec: Codec, pieces: Sequence[Piece], budget: float) -> None:
        """Encodes the pieces that the cache has no code for; the time is shared out by their length."""
        heard: list[tuple[str, Audio]] = []
        for piece in pieces:
            key = address(code=self._fingerprint(codec), recording=piece.address)
            if key not in self._codes:
                try:
                    audio = piece.audio()
                    audio.check("the input")
                except NotScorable:
                    continue
                heard.append((key, audio))
        for batch in by_length(heard, lambda signal: signal[1].seconds, budget):
            codes, seconds = self._together(codec, codec.encode_batch, [audio for _, audio in batch])
            whole = sum(audio.seconds for _, audio in batch)
            for (key, audio), code in zip(batch, codes, strict=True):
                if code is not None:
                    spent = np.array(seconds * audio.seconds / whole)
                    self._codes.put(key, code.to_arrays() | {"encode_seconds": spent})

    def _decode_together(self, row: Row, codec: Codec, recordings: Sequence[str], budget: float) -> None:
        """Decodes the codes that are there and whose audio is not."""
        waiting: list[tuple[str, Code]] = []
        for recording in recordings:
            key = address(system=self._fingerprint(row.system), recording=recording)
            coded = address(code=self._fingerprint(codec), recording=recording)
            if key not in self._audio and (entry := self._codes.get(coded)) is not None:
                waiting.append((key, code_from_arrays(entry)))
        for batch in by_length(waiting, lambda part: part[1].seconds, budget):
            whole = sum(code.seconds for _, code in batch) or 1.0
            audios, seconds = self._together(
                codec, lambda codes: codec.decode_batch(codes, row.codebooks), [code for _, code in batch]
            )
            for (key, code), audio in zip(batch, audios, strict=True):
                if audio is not None:
                    self._audio.put(key, _entry_of(audio, seconds * code.seconds / whole))

    def _together(
        self, codec: Codec, function: Callable[[Sequence[In]], Sequence[Out]], batch: Sequence[In]
    ) -> tuple[list[Out | None], float]:
        """What a codec makes of a batch, None where it fails, and the seconds that it took."""
        try:
            self._load(codec)
        except NotScorable:
            return [None] * len(batch), 0.0
        started = time.perf_counter()

        def failed(error: Exception) -> Out | None:
            logger.debug("%s failed on one of a batch", codec.name, exc_info=error)
            return None

        return halved(function, batch, failed), time.perf_counter() - started

    def decoded(self, row: Row, item: Item) -> Decoded:
        """The decoded audio of a pair, encoded and decoded where no cache has it.

        Raises:
            NotScorable: It cannot be obtained; the status says which step failed.
        """
        identity = self.identity(row, item)
        facts: dict[str, Any] = {}
        if isinstance(row.condition, Alteration):
            facts["input"] = _input_facts(self._altered(row, item))
        if isinstance(row.source, Prepared):
            return Decoded(self._decoded_source(row, item, identity), facts)
        pieces = row.condition.pieces(item, lambda i: self._heard(row, i))
        coded = [self._code(row.source, piece) for piece in pieces]
        sent = [code.prefix(row.codebooks) for code, _ in coded]
        share = row.condition.share(item)
        facts |= {
            "bits": share * sum(code.bits for code in sent),
            "side_bits": share * sum(code.side_bits for code in sent if isinstance(code, Tokens)),
            "coded_seconds": share * sum(code.seconds for code in sent),
            "encode_seconds": share * sum(seconds for _, seconds in coded),
        }
        entry = self._audio.get(identity)
        if entry is None:
            entry = self._assembled(row, item, pieces, [code for code, _ in coded])
        facts["decode_seconds"] = float(entry["decode_seconds"])
        return Decoded({"identity": identity, "address": identity}, facts)

    def audio(self, row: Row, item: Item) -> Audio:
        """The decoded audio itself, for people to listen to."""
        found = self.decoded(row, item)
        if "path" in found.source:
            return read_audio(found.source["path"])
        entry = self._audio.get(found.source["address"])
        if entry is None:
            raise NotScorable("the decoded audio was lost from the cache", Status.DECODE_FAILED)
        return _audio_of(entry)

    def codes(self, row: Row, item: Item) -> list[Code]:
        """The tokens or bitstreams of the pieces of a pair, cut to the system's codebooks; none for prepared audio."""
        if isinstance(row.source, Prepared):
            return []
        pieces = row.condition.pieces(item, lambda i: self._heard(row, i))
        return [self._code(row.source, piece)[0].prefix(row.codebooks) for piece in pieces]

    def latents(self, row: Row, item: Item) -> Mapping[str, NDArray[np.float32]]:
        """What `Codec.latents` gives for the tokens of an utterance that is coded in one piece.

        Raises:
            NotScorable: There are no tokens.
            UsageError: The codec offers none.
        """
        if not isinstance(row.source, Codec):
            raise UsageError(f"{row.label} offers no latents: it is audio that exists already")
        (code,) = self.codes(row, item)
        if not isinstance(code, Tokens):
            raise UsageError(f"{row.label} offers no latents: it sends packets")
        found: Mapping[str, NDArray[np.float32]] = self._guarded(
            row.source, Status.DECODE_FAILED, row.source.latents, code
        )
        return found

    def close(self) -> None:
        """Frees the loaded model."""
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None

    def _code(self, codec: Codec, piece: Piece) -> tuple[Code, float]:
        """What `codec` sends for a piece, and how many seconds encoding took when it was made."""
        key = address(code=self._fingerprint(codec), recording=piece.address)
        entry = self._codes.get(key)
        if entry is not None:
            return code_from_arrays(entry), float(entry["encode_seconds"])
        heard = piece.audio()
        self._load(codec)
        started = time.perf_counter()
        code: Code = self._guarded(codec, Status.ENCODE_FAILED, codec.encode, heard)
        seconds = time.perf_counter() - started
        self._codes.put(key, code.to_arrays() | {"encode_seconds": np.array(seconds)})
        return code, seconds

    def _assembled(self, row: Row, item: Item, pieces: Sequence[Piece], codes: Sequence[Code]) -> Entry:
        """The decoded audio of an utterance, from its decoded pieces."""
        parts = [self._part(row, piece, code) for piece, code in zip(pieces, codes, strict=True)]
        if [piece.address for piece in pieces] == [row.condition.address(item)]:
            return parts[0]
        audio = row.condition.assembled(item, [_audio_of(part) for part in parts])
        entry = _entry_of(audio, row.condition.share(item) * sum(float(part["decode_seconds"]) for part in parts))
        self._audio.put(self.identity(row, item), entry)
        return entry

    def _part(self, row: Row, piece: Piece, code: Code) -> Entry:
        """The decoded audio of a piece."""
        assert isinstance(row.source, Codec), "prepared audio has no pieces"
        key = address(system=self._fingerprint(row.system), recording=piece.address)
        entry = self._audio.get(key)
        if entry is None:
            self._load(row.source)  # a cached code may come before the model is loaded, which is not decoding
            started = time.perf_counter()
            audio = self._guarded(row.source, Status.DECODE_FAILED, row.source.decode, code, row.codebooks)
            entry = _entry_of(audio, time.perf_counter() - started)
            self._audio.put(key, entry)
        return entry

    def _heard(self, row: Row, item: Item) -> Audio:
        """What the codec is given of an utterance."""
        return _audio_of(self._altered(row, item)) if isinstance(row.condition, Alteration) else self._read(item)

    def _altered(self, row: Row, item: Item) -> Entry:
        """The altered recording, which all systems share."""
        assert isinstance(row.condition, Alteration), "nothing else alters a recording"
        key = row.condition.address(item)
        entry = self._audio.get(key)
        if entry is None:
            try:
                made = row.condition.altered(self._read(item), item.digest)
            except (ValueError, ArithmeticError, RuntimeError) as error:
                reason = f"{row.condition.label}: {type(error).__name__}: {error}"
                raise NotScorable(reason, Status.ENCODE_FAILED) from error
            entry = {
                "samples": made.audio.samples,
                "rate": np.array(made.audio.rate),
                "turned_down_db": np.array(made.turned_down_db),
                "clipped": np.array(made.clipped),
                "unchanged": np.array(made.unchanged),
            }
            self._audio.put(key, entry)
        return entry

    def _guarded(self, codec: Codec, failed: Status, function: Any, *arguments: Any) -> Any:
        """Calls into a codec; whatever it raises costs one utterance, not the run."""
        self._load(codec)
        try:
            return function(*arguments)
        except (NotScorable, CodecBenchError):
            raise
        except Exception as error:
            raise NotScorable(f"{type(error).__name__}: {error}", failed) from error

    def _load(self, codec: Codec) -> None:
        """Loads a codec, one at a time; one that cannot be loaded loses its utterances, not the run."""
        if id(codec) in self._broken:
            raise NotScorable(self._broken[id(codec)], Status.ENCODE_FAILED)
        if self._loaded is codec:
            return
        self.close()
        device = chosen_device(self._device, codec)
        try:
            codec.load(device)
        except (UnavailableError, OSError, ValueError, RuntimeError) as error:
            self._broken[id(codec)] = f"{codec.name} cannot be loaded: {error}"
            raise NotScorable(self._broken[id(codec)], Status.ENCODE_FAILED) from error
        self._loaded = codec
        self.devices[codec.name] = device

    def _read(self, item: Item) -> Audio:
        """The recording; the last one is kept, because the settings of a codec ask for it one after the other."""
        if self._recording is None or self._recording[0] != item.digest:
            self._recording = (item.digest, read_audio(item.utterance.path))
        return self._recording[1]

    def _prepared_digest(self, source: Prepared, item: Item) -> str:
        path = source.path(item.utterance)
        if path == item.utterance.path:
            return item.digest
        try:
            return local_digest(path)
        except OSError as error:
            raise NotScorable(f"{path} cannot be read: {error.strerror}", Status.UNREADABLE) from error


def _entry_of(audio: Audio, decode_seconds: float) -> Entry:
    return {"samples": audio.samples, "rate": np.array(audio.rate), "decode_seconds": np.array(decode_seconds)}


def _audio_of(entry: Entry) -> Audio:
    return Audio(entry["samples"], int(entry["rate"]))


def _input_facts(entry: Entry) -> dict[str, Any]:
    """What is known about an altered recording."""
    return describe(_audio_of(entry)) | {
        "turned_down_db": round(float(entry["turned_down_db"]), 3),
        "clipped": int(entry["clipped"]),
        "unchanged": bool(entry["unchanged"]),
    }
