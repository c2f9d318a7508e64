"""Has recordings coded elsewhere: sends what the caches lack, and says when each utterance is there, or why not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.replaceable import ReplaceableCodec
from codec_bench.adapters.systems import System
from codec_bench.audio import Audio
from codec_bench.coding.conditions import Clean, Piece
from codec_bench.coding.items import Item
from codec_bench.coding.reconstruct import Reconstructor
from codec_bench.coding.rows import Row, codecs_of
from codec_bench.coding.signals import recording_source
from codec_bench.errors import UsageError
from codec_bench.processes.pool import ATTEMPTS, Pool
from codec_bench.processes.process import ProcessCrash, WorkerError
from codec_bench.records import NotScorable, Status
from codec_bench.tokens import Code, Tokens

MAX_LOST = 3
"""Utterances in a row that a system may lose to crashes: then it is not the utterance that its process dies of."""

CHUNKS_AHEAD = 4
"""Chunks that are coded or wait, per server: enough to keep it busy while the caller does something else."""


class LoadCrash(ProcessCrash):
    """The process ended or hung while it loaded the codec; no utterance is to blame."""


class Task(Protocol):
    """A pair of a row and an utterance, as the caller keeps it."""

    @property
    def item(self) -> Item:
        """The utterance."""


T = TypeVar("T", bound=Task)


def outcome_of(plain: Sequence[str]) -> NotScorable:
    """Why something could not be coded, from what a server said."""
    reason, status, trace = plain
    return NotScorable(reason, Status(status), trace)


def named(system: System) -> dict[str, str]:
    """What a job calls a system, and what makes it where the job is done."""
    return {"system": system.label, "spelling": system.spelling}


def _check_fit(system: System, reason: str) -> None:
    """A codec that cannot be loaded, for a reason, from a checkpoint that a user named.

    Raises:
        UsageError: It was given one.
    """
    files = system.source.replaced.values() if isinstance(system.source, ReplaceableCodec) else ()
    if files:
        raise UsageError(
            f"--checkpoint {', '.join(map(str, files))} does not fit {system.label}: {' '.join(reason.split())}"
        )


@dataclass(frozen=True)
class _One:
    """Not a task: an utterance that is waited for."""

    item: Item


class Coders(ABC):
    """The servers that code, see `worker.Coder`: processes here, or on a cluster."""

    @abstractmethod
    def pool(self, system: System) -> Pool:
        """Servers for a system; started when there is a job. Those for another codec may end."""

    @abstractmethod
    def servers(self, codec: Codec) -> int:
        """How many `pool` has."""

    @abstractmethod
    def together(self, codec: Codec) -> int:
        """Utterances that one server codes at once."""

    @abstractmethod
    def close(self) -> None:
        """Ends all servers; another `pool` starts others."""


class Dispatcher:
    """Has recordings coded by `coders` into the caches of this machine.

    A chunk whose process dies is tried again utterance by utterance. An utterance that kills its process twice, or
    takes too long, is lost with the status `crashed`; a system that loses `MAX_LOST` of them in a row is given up. What
    failed is not tried again by the same dispatcher.

    Attributes:
        reconstructor: Finds what was coded.
        devices: Where each codec ran, by name.
        notes: What people should know of codecs, each once.
        seconds: That coding took, summed over servers.
    """

    def __init__(self, cache: Path, coders: Coders) -> None:
        self.reconstructor = Reconstructor(cache)
        self.devices: dict[str, str] = {}
        self.notes: dict[str, None] = {}
        self.seconds = 0.0
        self._coders = coders
        self._failed: dict[tuple[str, str], NotScorable] = {}
        self._lost: dict[str, int] = {}
        self._given_up: dict[str, NotScorable] = {}

    def identify(self, systems: Sequence[System]) -> list[str]:
        """Has plug-ins loaded, for what they hold then is part of the addresses of what they make; and codecs with a
        checkpoint, which may be another model's.

        One whose parameters are unknown, since it declares no weights and has no PyTorch module, makes what is kept for
        this run only, unless its spec says `cacheable`. One that cannot be loaded is given up.

        Returns:
            Warnings.

        Raises:
            UsageError: A codec cannot be loaded from the checkpoint.
        """
        warnings = []
        for codec in codecs_of(systems):
            mine = [system for system in systems if system.source is codec]
            if (made := codec.plug_in) is None:
                if isinstance(codec, ReplaceableCodec) and codec.replaced:
                    self._try_checkpoint(mine[0])
                continue
            try:
                job = {"op": "identify", "code": made.source.code} | named(mine[0])
                reply = self._coders.pool(mine[0]).submit(job).result()
                plain = reply.get("lost") or reply.get("failed")
                failure = outcome_of(plain) if plain else None
            except (ProcessCrash, WorkerError) as error:
                failure = NotScorable(f"{codec.name} cannot be loaded: {error}", Status.CRASHED)
            if failure is not None:
                _check_fit(mine[0], failure.reason)
                self._given_up |= {system.label: failure for system in mine}
                continue
            made.state, made.tensors, made.parameters = reply["state"], reply["tensors"], reply["parameters"]
            is_known = bool(codec.needed_weights() or made.parameters or codec.spec.cacheable)
            if is_known and made.source.has_source:
                made.invocation = ""
                continue
            advice = "declare its `weights`, or say `cacheable=True` in its spec where its code alone decides"
            if not made.source.has_source:
                advice = "write its class into a module"
            elif "problem" in reply:
                advice += f" (what it holds cannot be looked at: {reply['problem']})"
            warnings.append(
                f"{mine[0].label}: this codec's files are not known: results are kept for this run only; {advice}"
            )
        return warnings

    def _try_checkpoint(self, system: System) -> None:
        """Has a codec loaded before the first utterance, so that a wrong checkpoint is one line and no table."""
        try:
            job = {"op": "load", "pieces": [], "arrays": {}, "fingerprint": system.fingerprint} | named(system)
            reply = self._coders.pool(system).submit(job).result()
            plain = reply.get("lost") or reply.get("failed")
            reason = outcome_of(plain).reason if plain else ""
        except (ProcessCrash, WorkerError) as error:
            reason = str(error)
        if reason:
            _check_fit(system, reason)

    def coded(self, row: Row, tasks: Iterable[T], *, decode: bool = True) -> Iterator[tuple[T, NotScorable | None]]:
        """Codes any number of utterances of a row, of which only a few are held at a time.

        Yields:
            Each task when its codes, and with `decode` its decoded audio, are in the caches, in any order; and why it
            could not be coded.
        """
        sending: _Sending[T] = _Sending(self, self._coders, row, decode)
        for task in tasks:
            yield from sending.offer(task)
            yield from sending.retry()
        yield from sending.rest()

    def codes(self, row: Row, item: Item) -> list[Code]:
        """As `Reconstructor.codes`, coded where the cache lacks them."""
        self._ensure(row, item, decode=False)
        return self.reconstructor.codes(row, item)

    def audio(self, row: Row, item: Item) -> Audio:
        """As `Reconstructor.audio`, coded where the cache lacks it."""
        self._ensure(row, item, decode=True)
        return self.reconstructor.audio(row, item)

    def latents(self, row: Row, item: Item) -> Mapping[str, NDArray[np.float32]]:
        """What `Codec.latents` gives for the tokens of an utterance that is coded in one piece.

        Raises:
            NotScorable: There are no tokens, or the codec failed.
            UsageError: The codec offers none.
        """
        if not isinstance(row.source, Codec):
            raise UsageError(f"{row.label} offers no latents: it is audio that exists already")
        (code,) = self.codes(row, item)
        if not isinstance(code, Tokens):
            raise UsageError(f"{row.label} offers no latents: it sends packets")
        return self._arrays(row, "latents", coded=self.reconstructor.code_address(row, item))

    def hidden(self, row: Row, item: Item, layers: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """What `Codec.hidden` gives for an utterance that is coded in one piece, in one pass; no cache keeps it.

        Raises:
            NotScorable: The recording cannot be read, or the codec failed.
            UsageError: The codec has no such layer.
        """
        if isinstance(row.condition, Clean):
            piece, arrays = {"address": item.digest} | recording_source(item), {}
        else:
            heard, place = self.reconstructor.heard(row, item), row.condition.address(item)
            piece, arrays = {"address": place, "rate": heard.rate}, {place: heard.samples}
        found = self._arrays(row, "hidden", piece=piece, layers=list(layers), arrays=arrays)
        return {int(layer): values for layer, values in found.items()}

    def _arrays(self, row: Row, op: str, **details: Any) -> dict[str, NDArray[np.float32]]:
        """The arrays that an operation on one utterance gives.

        Raises:
            NotScorable: The codec failed.
        """
        if (outcome := self.known(row, [])) is not None:
            raise outcome
        try:
            reply = self._coders.pool(row.system).submit(self.job(row, op) | details).result()
        except (ProcessCrash, WorkerError) as error:
            raise self.lose(row, [], error) from error
        if "lost" in reply:
            raise self._give_up(row, reply)
        self._lost[row.system.label] = 0
        self.devices.update(reply["devices"])
        if "failed" in reply:
            raise outcome_of(reply["failed"])
        found: dict[str, NDArray[np.float32]] = reply["arrays"]
        return found

    def close(self) -> None:
        """Ends the processes that code."""
        self._coders.close()

    def _ensure(self, row: Row, item: Item, *, decode: bool) -> None:
        for _, problem in self.coded(row, [_One(item)], decode=decode):
            if problem is not None:
                raise problem

    def job(self, row: Row, op: str) -> dict[str, Any]:
        """What every job names."""
        job = {"op": op, "fingerprint": self.reconstructor.fingerprint(row.system)} | named(row.system)
        made = row.source.plug_in if isinstance(row.source, Codec) else None
        return job if made is None else job | {"plug_in": made.to_job(), "code": made.source.code}

    def known(self, row: Row, pieces: Iterable[Piece]) -> NotScorable | None:
        """Why pieces are not sent: one of them failed before, or their system was given up."""
        label = row.system.label
        if label in self._given_up:
            return self._given_up[label]
        return next((self._failed[label, p.place] for p in pieces if (label, p.place) in self._failed), None)

    def arrived(self, row: Row, reply: Mapping[str, Any]) -> None:
        """Notes what a server says of a chunk."""
        if "lost" in reply:
            self._give_up(row, reply)
            return
        label = row.system.label
        self.devices.update(reply["devices"])
        self.seconds += reply["seconds"]
        self._lost[label] = 0
        for piece, failed in reply["failed"].items():
            self._failed[label, piece] = outcome_of(failed)
        for name, notes in reply["notes"].items():
            self.notes |= dict.fromkeys(f"{name}: {note}" for note in notes)

    def _give_up(self, row: Row, reply: Mapping[str, Any]) -> NotScorable:
        """Notes that a server cannot make a system at all; says why."""
        self._given_up[row.system.label] = outcome_of(reply["lost"])
        return self._given_up[row.system.label]

    def lose(self, row: Row, pieces: Iterable[Piece], error: ProcessCrash | WorkerError) -> NotScorable:
        """Notes that an utterance was lost with its process; says why."""
        label = row.system.label
        if isinstance(error, LoadCrash):
            self._given_up[label] = NotScorable(str(error), Status.CRASHED)
            return self._given_up[label]
        status = Status.ERROR if isinstance(error, WorkerError) else Status.CRASHED
        outcome = NotScorable(f"while coding it, {error}", status)
        self._failed |= {(label, piece.place): outcome for piece in pieces}
        self._lost[label] = self._lost.get(label, 0) + 1 if isinstance(error, ProcessCrash) else 0
        if self._lost[label] == MAX_LOST:
            reason = f"{label} is given up: it lost {MAX_LOST} utterances in a row; the last time {error}"
            self._given_up[label] = NotScorable(reason, Status.CRASHED)
        return outcome


class _Sending(Generic[T]):
    """The utterances of one row on their way."""

    def __init__(self, dispatcher: Dispatcher, coders: Coders, row: Row, decode: bool) -> None:
        self._dispatcher = dispatcher
        self._reconstructor = dispatcher.reconstructor
        self._coders = coders
        self._row = row
        self._decode = decode
        self._chunk: list[tuple[T, list[Piece]]] = []
        self._waiting: dict[Future[dict[str, Any]], list[tuple[T, list[Piece]]]] = {}
        self._again: deque[T] = deque()

    def offer(self, task: T, *, alone: bool = False) -> Iterator[tuple[T, NotScorable | None]]:
        """Takes an utterance, and waits while too many are under way."""
        codec = self._row.source
        if not isinstance(codec, Codec):
            yield task, None
            return
        try:
            while pieces := self._reconstructor.lacking(self._row, task.item, decode=self._decode):
                if not self._are_under_way(pieces):
                    break
                yield from self._arrived()  # others are coded with this one, or are the same recording
        except NotScorable as outcome:
            yield task, outcome
            return
        if not pieces or (known := self._dispatcher.known(self._row, pieces)) is not None:
            yield task, known if pieces else None
            return
        if alone:
            yield from self._send()
        self._chunk.append((task, pieces))
        if alone or len(self._chunk) >= self._coders.together(codec):
            yield from self._send()
            while len(self._waiting) >= CHUNKS_AHEAD * self._coders.servers(codec):
                yield from self._arrived()

    def retry(self) -> Iterator[tuple[T, NotScorable | None]]:
        """Sends one by one what was lost together with others."""
        while self._again:
            yield from self.offer(self._again.popleft(), alone=True)

    def rest(self) -> Iterator[tuple[T, NotScorable | None]]:
        """All that is still on its way."""
        yield from self._send()
        while self._waiting or self._again:
            if self._waiting:
                yield from self._arrived()
            yield from self.retry()

    def _are_under_way(self, pieces: Iterable[Piece]) -> bool:
        under_way = {piece.place for chunk in self._waiting.values() for _, sent in chunk for piece in sent}
        return any(piece.place in under_way for piece in pieces)

    def _send(self) -> Iterator[tuple[T, NotScorable | None]]:
        """Queues the chunk; an utterance whose audio cannot be obtained is not in it."""
        pieces: dict[str, dict[str, Any]] = {}
        arrays: dict[str, Any] = {}
        sent = []
        for task, lacking in self._chunk:
            try:
                found = [self._reconstructor.described(self._row, task.item, piece) for piece in lacking]
            except NotScorable as outcome:
                yield task, outcome
                continue
            for described, audio in found:
                pieces[described["address"]] = described
                if audio is not None:
                    arrays[described["address"]] = audio.samples
            sent.append((task, lacking))
        self._chunk = []
        if sent:
            job = self._dispatcher.job(self._row, "code") | {"pieces": list(pieces.values()), "decode": self._decode}
            pool = self._coders.pool(self._row.system)
            attempts = ATTEMPTS if len(sent) == 1 else 1
            self._waiting[pool.submit(job | {"arrays": arrays}, attempts)] = sent

    def _arrived(self) -> Iterator[tuple[T, NotScorable | None]]:
        """The utterances of the chunks that came back."""
        done, _ = wait(self._waiting, return_when=FIRST_COMPLETED)
        for future in done:
            chunk = self._waiting.pop(future)
            try:
                self._dispatcher.arrived(self._row, future.result())
            except CancelledError:
                pass  # the system was given up meanwhile
            except (ProcessCrash, WorkerError) as error:
                if len(chunk) > 1:
                    self._again += [task for task, _ in chunk]
                    continue
                yield chunk[0][0], self._dispatcher.lose(self._row, chunk[0][1], error)
                self._cancel()
                continue
            self._cancel()
            for task, pieces in chunk:
                yield task, self._dispatcher.known(self._row, pieces)

    def _cancel(self) -> None:
        """Takes back what waits for a system that was given up."""
        if self._dispatcher.known(self._row, []) is not None:
            for future in self._waiting:
                future.cancel()
