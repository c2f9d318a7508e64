"""Encode once, decode each prefix: the device side of a run, through the caches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.codec import Codec, Prepared
from codec_bench.audio import Audio, read_audio
from codec_bench.cache import ArrayCache
from codec_bench.errors import CodecBenchError, UnavailableError
from codec_bench.fingerprint import address
from codec_bench.hub import local_digest
from codec_bench.records import NotScorable, Status
from codec_bench.runs.conditions import Alteration, Piece
from codec_bench.runs.plan import Item, Row
from codec_bench.runs.worker import describe
from codec_bench.tokens import Code, Tokens, code_from_arrays

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

    Attributes:
        devices: Where each codec that was loaded ran, by name.
    """

    def __init__(self, cache: Path, device: str) -> None:
        self._codes = ArrayCache(cache / "codes")
        self._audio = ArrayCache(cache / "audio")
        self._device = device
        self.devices: dict[str, str] = {}
        self._loaded: Codec | None = None
        self._broken: dict[int, str] = {}
        self._recording: tuple[str, Audio] | None = None

    def identity(self, row: Row, item: Item) -> str:
        """Content address of the decoded audio of a pair, known before it is made.

        Raises:
            NotScorable: There is no file for the utterance, or the condition cannot use it.
        """
        if not isinstance(row.source, Prepared):
            return address(system=row.system.fingerprint, recording=row.condition.address(item))
        if isinstance(row.condition, Alteration):
            return row.condition.address(item)
        return f"file:{self._prepared_digest(row.source, item)}"

    def reference_identity(self, row: Row, item: Item) -> str:
        """Content address of what the decoded audio of a pair is scored against."""
        return row.condition.address(item) if row.altered_reference else item.identity

    def reference(self, row: Row, item: Item) -> dict[str, Any]:
        """What the scoring process needs to load the reference of a pair, altered where no cache has it.

        Raises:
            NotScorable: It cannot be had.
        """
        identity = self.reference_identity(row, item)
        if not row.altered_reference:
            return {"identity": identity, "path": str(item.utterance.path), "digest": item.digest}
        self._altered(row, item)
        return {"identity": identity, "address": identity}

    def decoded(self, row: Row, item: Item) -> Decoded:
        """The decoded audio of a pair, encoded and decoded where no cache has it.

        Raises:
            NotScorable: It cannot be had; the status says at which step it failed.
        """
        identity = self.identity(row, item)
        facts: dict[str, Any] = {}
        if isinstance(row.condition, Alteration):
            facts["input"] = _input_facts(self._altered(row, item))
        if isinstance(row.source, Prepared):
            if isinstance(row.condition, Alteration):
                return Decoded({"identity": identity, "address": identity}, facts)
            path = row.source.path(item.utterance)
            return Decoded({"identity": identity, "path": str(path), "digest": identity.removeprefix("file:")}, facts)
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

    def close(self) -> None:
        """Frees the loaded model."""
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None

    def _code(self, codec: Codec, piece: Piece) -> tuple[Code, float]:
        """What `codec` sends for a piece, and how many seconds encoding took when it was made."""
        key = address(code=codec.fingerprint, recording=piece.address)
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
        seconds = row.condition.share(item) * sum(float(part["decode_seconds"]) for part in parts)
        entry = {"samples": audio.samples, "rate": np.array(audio.rate), "decode_seconds": np.array(seconds)}
        self._audio.put(self.identity(row, item), entry)
        return entry

    def _part(self, row: Row, piece: Piece, code: Code) -> Entry:
        """The decoded audio of a piece."""
        assert isinstance(row.source, Codec), "prepared audio has no pieces"
        key = address(system=row.system.fingerprint, recording=piece.address)
        entry = self._audio.get(key)
        if entry is None:
            started = time.perf_counter()
            audio = self._guarded(row.source, Status.DECODE_FAILED, row.source.decode, code, row.codebooks)
            seconds = np.array(time.perf_counter() - started)
            entry = {"samples": audio.samples, "rate": np.array(audio.rate), "decode_seconds": seconds}
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


def _audio_of(entry: Entry) -> Audio:
    return Audio(entry["samples"], int(entry["rate"]))


def _input_facts(entry: Entry) -> dict[str, Any]:
    """What is known about an altered recording."""
    return describe(_audio_of(entry)) | {
        "turned_down_db": round(float(entry["turned_down_db"]), 3),
        "clipped": int(entry["clipped"]),
        "unchanged": bool(entry["unchanged"]),
    }


def chosen_device(wanted: str, codec: Codec) -> str:
    """The device for a codec: the one that was asked for, or for `auto` the first GPU if the codec uses torch."""
    if wanted != "auto":
        return wanted
    if "torch" not in codec.packages:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
