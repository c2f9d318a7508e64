"""What is known of decoded audio without calling a codec: addresses, sources, what is lacking, facts, assembly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.prepared import Prepared
from codec_bench.adapters.systems import System
from codec_bench.audio import Audio
from codec_bench.cache import ArrayCache, CodeCache
from codec_bench.coding.addresses import Addresses
from codec_bench.coding.conditions import Altered, Condition, Piece
from codec_bench.coding.items import Item
from codec_bench.coding.passage import CHANNEL
from codec_bench.coding.rows import Row
from codec_bench.coding.signals import (
    Entry,
    audio_of,
    describe,
    entry_of,
    load_recording,
    load_signal,
    recording_source,
)
from codec_bench.errors import CodecBenchError
from codec_bench.faults import contained, explained, trace_of
from codec_bench.hub import local_digest
from codec_bench.identity import source_of
from codec_bench.records import NotScorable, Status
from codec_bench.tokens import Code, Tokens

Out = TypeVar("Out")

SHARES = (
    "equal_to_first", "equal_to_previous", "changed_tokens", "packet_ms", "conceals_itself",
    "piece_ms", "first_samples_ms", "piece_rtf",
)  # fmt: skip
"""Facts about what happened to a code that are no counts."""

LARGEST = ("largest_difference", "slowest_piece_rtf")
"""Of which the largest of all pieces counts."""

REMEMBERED = 4096
"""Addresses that are kept: more than a run looks up ahead of what it works on."""


class _Sent(NamedTuple):
    """What is known of the code of a piece."""

    bits: float
    side_bits: int
    seconds: float
    encode_seconds: float


class Reconstructor:
    """Finds codes and decoded audio in the folder of the caches; `dispatch.Dispatcher` has them made."""

    def __init__(self, cache: Path) -> None:
        self._codes = CodeCache(cache / "codes")
        self._audio = ArrayCache(cache / "audio")
        self._at = Addresses()
        self._addresses: dict[tuple[int, str, str], tuple[Condition, str]] = {}  # with the object whose id it is
        self._seen: dict[tuple[str, int | None], _Sent] = {}  # by address of the code and number of codebooks
        self._recording: tuple[str, Audio] | None = None

    def fingerprint(self, system: System) -> str:
        """`System.fingerprint`, computed once."""
        return self._at.fingerprint(system)

    def identity(self, row: Row, item: Item) -> str:
        """Content address of the decoded audio of a pair, known before it is made.

        Raises:
            NotScorable: There is no file for the utterance, or the condition cannot use it.
        """
        if not isinstance(row.source, Prepared):
            return self._at.audio(row.system, self._address(row, item))
        if row.condition.alteration is not None:
            return self._address(row, item)
        return f"file:{self._prepared_digest(row.source, item)}"

    def reference_identity(self, row: Row, item: Item) -> str:
        """Content address of what the decoded audio of a pair is scored against.

        Raises:
            NotScorable: The condition cannot use the utterance.
        """
        return self._altered_address(row, item) if row.altered_reference else item.identity

    def make_reference(self, row: Row, item: Item) -> None:
        """Alters the recording, where that is the reference of a pair and no cache has it.

        Raises:
            NotScorable: It cannot be obtained.
        """
        if row.altered_reference:
            self._altered(row, item)

    def sources(self, row: Row, item: Item, reference: str, decoded: str) -> dict[str, dict[str, Any]]:
        """What loads both signals of a pair that was decoded, as `reference` and `decoded`; nothing is made or read.

        Args:
            row: A system under a condition.
            item: The utterance.
            reference: What `reference_identity` returned.
            decoded: What `identity` returned.
        """
        sources: dict[str, dict[str, Any]] = {
            "reference": {"identity": reference, "address": reference},
            "decoded": {"identity": decoded, "address": decoded},
        }
        if not row.altered_reference:
            sources["reference"] = {"identity": reference} | recording_source(item)
        if isinstance(row.source, Prepared) and row.condition.alteration is None:
            path = row.source.path(item.utterance)
            sources["decoded"] = {"identity": decoded, "path": str(path), "digest": decoded.removeprefix("file:")}
        return sources

    def lacking(self, row: Row, item: Item, *, decode: bool = True) -> list[Piece]:
        """The pieces of a pair that are to be encoded, or with `decode` decoded, before `audio` or `codes` finds them.

        Entries are read, so that a damaged one is noticed while it can be made again.

        Raises:
            NotScorable: The pieces cannot be obtained.
        """
        codec = row.source
        if isinstance(codec, Prepared):
            return []
        pieces = self._pieces(row, item)
        uncoded = [p for p in pieces if self._look(row, codec, p) is None]
        identity = self.identity(row, item)
        if not decode or self._audio.get(identity) is not None:
            return uncoded
        places = {p.place: self._at.audio(row.system, p.place) for p in pieces}
        return [
            p for p in pieces if p in uncoded or places[p.place] == identity or self._audio.get(places[p.place]) is None
        ]

    def described(self, row: Row, item: Item, piece: Piece) -> tuple[dict[str, Any], Audio | None]:
        """A piece as `worker.Coder` takes it, and its samples where these are in no file.

        Raises:
            NotScorable: They cannot be obtained.
        """
        assert isinstance(row.source, Codec), "prepared audio has no pieces"
        coded, decoded = self._at.code(row.source, piece.address), self._at.audio(row.system, piece.place)
        places: dict[str, Any] = {"address": piece.place, "coded": coded, "decoded": decoded}
        if piece.steps:
            places |= {"heard": piece.address, "steps": list(piece.steps)}
        if coded in self._codes:
            return places, None
        if piece.address == item.digest:
            return places | recording_source(item), None
        audio = _asked(row, piece.audio, Audio)
        return places | {"rate": audio.rate}, audio

    def facts(self, row: Row, item: Item) -> dict[str, Any]:
        """What is known of the decoded audio of a pair, which is put together where the caches have its pieces alone.

        Returns:
            Payload bits, the seconds that they last, and the time that encoding took; for an altered recording, what
            the alteration made of it. Neither for prepared audio as it is.

        Raises:
            NotScorable: It is not there; the status says at which step it failed.
        """
        facts: dict[str, Any] = {}
        if row.condition.alteration is not None:
            facts["input"] = _input_facts(self._altered(row, item))
        if isinstance(row.source, Prepared):
            return facts
        pieces = self._pieces(row, item)
        sent = [self._sent(row, row.source, piece) for piece in pieces]
        parts = [_there(self._audio.get(self._at.audio(row.system, p.place))) for p in pieces if p.steps]
        if self._at.audio(row.system, pieces[0].place) != self.identity(row, item):
            self._assemble(row, item, pieces)
        share = _share(row, item)
        if parts:
            facts["channel"] = _channel_facts(parts)
        return facts | {
            "bits": share * sum(s.bits for s in sent),
            "side_bits": share * sum(s.side_bits for s in sent),
            "coded_seconds": share * sum(s.seconds for s in sent),
            "encode_seconds": share * sum(s.encode_seconds for s in sent),
        }

    def audio(self, row: Row, item: Item) -> Audio:
        """The decoded audio itself, for people to listen to.

        Raises:
            NotScorable: It is not there.
        """
        self.facts(row, item)
        return load_signal(self.sources(row, item, "", self.identity(row, item))["decoded"], self._audio)

    def codes(self, row: Row, item: Item) -> list[Code]:
        """The tokens or bitstreams of the pieces of a pair, cut to the system's codebooks; none for prepared audio.

        Raises:
            NotScorable: They are not there.
        """
        codec = row.source
        if isinstance(codec, Prepared):
            return []
        return [self._code(codec, piece)[0].prefix(row.codebooks) for piece in self._pieces(row, item)]

    def heard(self, row: Row, item: Item) -> Audio:
        """What a codec is given for an utterance that is coded in one piece.

        Raises:
            NotScorable: It cannot be obtained.
        """
        (piece,) = self._pieces(row, item)
        return _asked(row, piece.audio, Audio)

    def code_address(self, row: Row, item: Item) -> str:
        """Where the code of an utterance is that is coded in one piece."""
        assert isinstance(row.source, Codec), "prepared audio has no codes"
        return self._at.code(row.source, self._address(row, item))

    def _code(self, codec: Codec, piece: Piece) -> tuple[Code, float]:
        """What `codec` sent for a piece, and how many seconds encoding took when it was made."""
        return _there(self._codes.code(self._at.code(codec, piece.address)))

    def _look(self, row: Row, codec: Codec, piece: Piece) -> _Sent | None:
        """What a row sends of a piece, which is kept until `facts` asks; None where the code is to be made."""
        address = self._at.code(codec, piece.address)
        known = self._codes.code(address)
        if known is None:
            return None
        try:
            code = known[0].prefix(row.codebooks)
        except ValueError:
            self._codes.discard(address, "is damaged")  # it has other codebooks
            return None
        side_bits = code.side_bits if isinstance(code, Tokens) else 0
        if len(self._seen) >= REMEMBERED:
            self._seen.clear()
        sent = self._seen[address, row.codebooks] = _Sent(code.bits, side_bits, code.seconds, known[1])
        return sent

    def _sent(self, row: Row, codec: Codec, piece: Piece) -> _Sent:
        """What a row sends of a piece that was coded, not read again where `lacking` has just looked."""
        seen = self._seen.pop((self._at.code(codec, piece.address), row.codebooks), None)
        return _there(self._look(row, codec, piece)) if seen is None else seen

    def _assemble(self, row: Row, item: Item, pieces: Sequence[Piece]) -> None:
        """Puts the decoded audio of an utterance together from its decoded pieces, where that was not done before."""
        identity = self.identity(row, item)
        if self._audio.get(identity) is None:
            parts = [_there(self._audio.get(self._at.audio(row.system, piece.place))) for piece in pieces]
            audio = _asked(row, row.condition.assembled, Audio, item, [audio_of(part) for part in parts])
            entry = entry_of(audio, _share(row, item) * sum(float(part["decode_seconds"]) for part in parts))
            self._audio.put(identity, entry)

    def _pieces(self, row: Row, item: Item) -> list[Piece]:
        """What is coded for an utterance."""

        def read(item: Item) -> Audio:
            heard = self._heard(row, item)
            # The recording is kept for other rows, and a plug-in might write into it.
            return heard if source_of(type(row.condition)) is None else Audio(heard.samples.copy(), heard.rate)

        def pieces() -> list[Piece]:
            made = list(row.condition.pieces(item, read))
            if not made or not all(isinstance(piece, Piece) for piece in made):
                raise TypeError(f"`pieces` returned {made!r:.100}, not one `Piece` or more")
            return made

        return _asked(row, pieces, list)

    def _address(self, row: Row, item: Item) -> str:
        """Content address of an utterance under the condition of a row, which a run needs several times."""
        key = id(row.condition), item.utterance.id, item.digest
        if key not in self._addresses:
            if len(self._addresses) >= REMEMBERED:
                self._addresses.clear()
            self._addresses[key] = row.condition, _asked(row, row.condition.address, str, item)
        return self._addresses[key][1]

    def _altered_address(self, row: Row, item: Item) -> str:
        """Content address of the altered recording."""
        alteration = row.condition.alteration
        assert alteration is not None, "nothing else alters a recording"
        return self._address(row, item) if alteration is row.condition else alteration.address(item)

    def _heard(self, row: Row, item: Item) -> Audio:
        """What the codec is given of an utterance."""
        return audio_of(self._altered(row, item)) if row.condition.alteration is not None else self._read(item)

    def _altered(self, row: Row, item: Item) -> Entry:
        """The altered recording, which all systems share."""
        alteration = row.condition.alteration
        assert alteration is not None, "nothing else alters a recording"
        key = self._altered_address(row, item)
        entry = self._audio.get(key)
        if entry is None:
            made = _asked(row, alteration.altered, Altered, self._read(item), item.digest)
            entry = {
                "samples": made.audio.samples,
                "rate": np.array(made.audio.rate),
                "turned_down_db": np.array(made.turned_down_db),
                "clipped": np.array(made.clipped),
                "unchanged": np.array(made.unchanged),
            }
            self._audio.put(key, entry)
        return entry

    def _read(self, item: Item) -> Audio:
        """The recording; the last one is kept, because the settings of a codec ask for it one after the other."""
        if self._recording is None or self._recording[0] != item.digest:
            self._recording = (item.digest, load_recording(item))
        return self._recording[1]

    def _prepared_digest(self, source: Prepared, item: Item) -> str:
        path = source.path(item.utterance)
        if path == item.utterance.path:
            return item.digest
        try:
            return local_digest(path)
        except OSError as error:
            raise NotScorable(f"{path} cannot be read: {error.strerror}", Status.UNREADABLE) from error


def _asked(row: Row, function: Callable[..., Out], kind: type[Out], *arguments: object) -> Out:
    """What a condition answers, an object of a `kind`.

    Raises:
        NotScorable: It is a plug-in, and raised something or returned something else.
    """

    def asked() -> Out:
        answer = function(*arguments)
        if not isinstance(answer, kind):
            name = getattr(function, "__name__", "it")
            raise TypeError(f"`{name}` returned {answer!r:.100}, not {kind.__name__}")
        return answer

    try:
        return contained(asked)
    except (NotScorable, CodecBenchError):
        raise
    except Exception as error:
        reason = f"{row.condition.label}: {explained(error, type(row.condition))}"
        raise NotScorable(reason, Status.ENCODE_FAILED, trace_of(error)) from error


def _share(row: Row, item: Item) -> float:
    """Which part of its pieces is an utterance's."""
    return _asked(row, lambda: float(row.condition.share(item)), float)


def _there(entry: Out | None) -> Out:
    if entry is None:
        raise NotScorable("what was coded was lost from the cache; run again", Status.DECODE_FAILED)
    return entry


def _channel_facts(entries: Sequence[Entry]) -> dict[str, float]:
    """What happened to the codes of the pieces of an utterance: counts are summed, shares averaged."""
    found: dict[str, list[float]] = {}
    for entry in entries:
        for name in (name for name in entry if name.startswith(CHANNEL)):
            found.setdefault(name.removeprefix(CHANNEL), []).append(float(entry[name]))
    return {
        name: max(values) if name in LARGEST else sum(values) / (len(values) if name in SHARES else 1)
        for name, values in found.items()
    }


def _input_facts(entry: Entry) -> dict[str, Any]:
    """What is known about an altered recording."""
    return describe(audio_of(entry)) | {
        "turned_down_db": round(float(entry["turned_down_db"]), 3),
        "clipped": int(entry["clipped"]),
        "unchanged": bool(entry["unchanged"]),
    }
