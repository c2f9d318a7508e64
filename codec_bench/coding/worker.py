"""What codes, in processes that `coding.local` and Ray start: a job names a system and pieces, the caches get the rest.

Codecs are made here from their names, and their fingerprints must be those that the run was planned with: other package
versions or weights would give other numbers under the same address.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.prepared import Broken
from codec_bench.adapters.systems import System, fetch_weights, parse_systems
from codec_bench.audio import Audio, read_audio
from codec_bench.cache import CodeCache
from codec_bench.coding.codec_calls import CodecCalls
from codec_bench.coding.conditions import Piece
from codec_bench.coding.rows import use_checkpoint
from codec_bench.coding.signals import read_recording
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.faults import contained, explained, trace_of
from codec_bench.fingerprint import address
from codec_bench.identity import loaded_modules
from codec_bench.processes.protocol import MAX_BYTES
from codec_bench.records import NotScorable, Status
from codec_bench.tokens import Tokens

CODER = "codec_bench.coding.worker:Coder"
"""For `processes.pool`."""


class Coder:
    """Encodes and decodes; a codec stays loaded until another one is needed.

    The arguments are those of `CodecCalls`, the weights for the codec, and in the process that made them the `systems`
    that no name stands for, by label.
    """

    def __init__(
        self,
        cache: str,
        device: str,
        batch_seconds: float | None = None,
        checkpoint: str | None = None,
        systems: dict[str, System] | None = None,
    ) -> None:
        self._folder = Path.cwd()  # a codec may change it
        root = Path(cache).resolve()
        self._codes = CodeCache(root / "codes")
        self._calls = CodecCalls(root, device, batch_seconds)
        self._checkpoint = checkpoint
        self._systems = {} if systems is None else systems
        self._is_callers = systems is not None
        self._checked: set[str] = set()
        self._codecs: dict[str, Codec] = {}
        self._recording: tuple[str, Audio] | None = None

    def answer(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Does one job.

        Args:
            job: `op`, `system` (a label) and the `spelling` that makes it, `fingerprint` (of the system), of a plug-in
                its `code` as it was planned and `plug_in` (see `PlugIn.to_job`), and what the operation takes.

        Returns:
            What the operation gives; or where a plug-in cannot be made here, or is another one, `lost`: the reason,
            status and traceback of everything that was to be done with it.

        Raises:
            UsageError: A system that is no plug-in is another one here.
        """
        operations = {
            "identify": self._identify,
            "load": self._load,
            "code": self._code,
            "latents": self._latents,
            "hidden": self._hidden,
        }
        try:
            system = self._system(job)
        except NotScorable as outcome:
            return {"lost": _plain(outcome), "failed": {}}
        return operations[job["op"]](system, job)

    def close(self) -> None:
        """Frees the loaded codec."""
        self._calls.close()

    def _identify(self, system: System, job: Mapping[str, Any]) -> dict[str, Any]:
        """Loads a plug-in, and says what it holds then."""
        codec = system.source
        assert isinstance(codec, Codec) and codec.plug_in is not None, "only plug-ins are asked"
        try:
            self._calls.load(codec)
        except NotScorable as outcome:
            return {"failed": _plain(outcome)}
        try:
            held = codec.held()
        except Exception as error:  # noqa: BLE001 - attributes of a plug-in may raise anything
            return {"state": "", "tensors": "", "parameters": 0, "problem": explained(error)}
        # Modules that it named only while it loaded.
        late = {} if self._is_callers else loaded_modules(codec.plug_in.source.modules)
        state = address(state=held.digest, modules=late)
        return {"state": state, "tensors": held.tensors, "parameters": held.parameters}

    def _load(self, system: System, job: Mapping[str, Any]) -> dict[str, Any]:
        """Loads the codec; where that fails, each piece says so. Tells how long a call into it may take at least."""
        codec = system.source
        assert isinstance(codec, Codec), "only codecs are sent here"
        try:
            self._calls.load(codec)
        except NotScorable as outcome:
            return {"call_seconds": 0.0, "failed": _plain(outcome)}
        # A codec in an environment of its own watches its process itself: it may encode, restart, and decode.
        own = 2 * codec.call_timeout + codec.load_timeout if isinstance(codec, IsolatedCodec) else 0.0
        return {"call_seconds": own}

    def _code(self, system: System, job: Mapping[str, Any]) -> dict[str, Any]:
        """Codes pieces into the caches.

        Args:
            system: With what.
            job: `pieces`, each with its `address`, those of its code and its decoded audio (`coded`, `decoded`), and
                where it has no code yet with `path` and `digest` of its file (see `read_recording`) or the `rate` of
                its samples, which are among the `arrays`; where its code goes through `steps` also the address of
                what was `heard`; whether to `decode`; and the `limit` in seconds for a piece.

        Returns:
            `failed`: reason, status and traceback by address; `notes`, `devices` and `seconds`.
        """
        started = time.perf_counter()
        pieces = [
            Piece(p.get("heard", p["address"]), self._sound(p, job.get("arrays", {})), tuple(p.get("steps", ())))
            for p in job["pieces"]
        ]
        failed = self._calls.code(system, pieces, decode=job["decode"], limit=job.get("limit", math.inf))
        return {
            "failed": {name: _plain(outcome) for name, outcome in failed.items()},
            "notes": self._calls.notes,
            "devices": self._calls.devices,
            "seconds": time.perf_counter() - started,
        }

    def _latents(self, system: System, job: Mapping[str, Any]) -> dict[str, Any]:
        """What the tokens of a piece, at the address `coded`, stand for, as `arrays`."""
        known = self._codes.code(job["coded"])
        try:
            if known is None:
                raise NotScorable("the tokens were lost from the cache; run again", Status.DECODE_FAILED)
            tokens = known[0].prefix(system.codebooks)
            assert isinstance(system.source, Codec) and isinstance(tokens, Tokens), "the caller has looked"
            return {"arrays": self._calls.latents(system.source, tokens), "devices": self._calls.devices}
        except NotScorable as outcome:
            return {"failed": _plain(outcome), "devices": self._calls.devices}

    def _hidden(self, system: System, job: Mapping[str, Any]) -> dict[str, Any]:
        """What `layers` of the encoder make of the audio that `piece` says how to get, as `arrays`."""
        assert isinstance(system.source, Codec), "the caller has looked"
        try:
            found = self._calls.hidden(system.source, self._sound(job["piece"], job.get("arrays", {}))(), job["layers"])
            size = sum(values.nbytes for values in found.values())
            if size > MAX_BYTES:
                raise NotScorable(
                    f"its hidden layers are {size / 1e9:.1f} GB: name fewer layers at a time", Status.ENCODE_FAILED
                )
            return {"arrays": found, "devices": self._calls.devices}
        except NotScorable as outcome:
            return {"failed": _plain(outcome), "devices": self._calls.devices}

    def _sound(self, piece: Mapping[str, Any], arrays: Mapping[str, Any]) -> Callable[[], Audio]:
        """What makes the audio of a piece."""
        if "path" in piece:
            return lambda: self._read(piece)
        if "rate" in piece:
            return lambda: Audio(arrays[piece["address"]], piece["rate"])
        return _lost

    def _read(self, piece: Mapping[str, Any]) -> Audio:
        """A recording; the last one is kept, for a codec is often asked for several settings one after the other."""
        if self._recording is None or self._recording[0] != piece["digest"]:
            folder = self._folder / piece["folder"] if "folder" in piece else None
            data = read_recording(dict(piece, path=self._folder / piece["path"]), folder)
            self._recording = (piece["digest"], read_audio(data, piece["path"], seconds=piece.get("seconds")))
        return self._recording[1]

    def _made(self, label: str, spelling: str) -> System:
        """A system by its label; settings of one codec share the loaded model."""
        if label not in self._systems:
            (made,) = parse_systems([spelling], needs_audio=False, keeps_broken=True)
            if isinstance(made.source, Broken):
                raise made.source.outcome
            assert isinstance(made.source, Codec), "only codecs are sent here"
            if self._checkpoint is not None:
                use_checkpoint([made.source], Path(self._checkpoint))
            fetch_weights(made.source)
            codec = self._codecs.setdefault(f"{type(made.source).__qualname__}{made.source.fingerprint}", made.source)
            self._systems[label] = System(label, codec, made.codebooks)
        return self._systems[label]

    def _system(self, job: Mapping[str, Any]) -> System:
        """The system of a job, which must be the one that was planned.

        Raises:
            NotScorable: It is a plug-in, and cannot be made or is another one.
            UsageError: It is none, and is another one.
        """
        label = job["system"]
        system = self._plug_in(label, job["spelling"]) if "code" in job else self._made(label, job["spelling"])
        assert isinstance(system.source, Codec), "only codecs are sent here"
        if label in self._checked:
            return system
        made = None if self._is_callers else system.source.plug_in
        if "code" in job and not self._is_callers and (made is None or made.source.code != job["code"]):
            raise NotScorable(f"the code of {label} was changed after the run was planned: run again", Status.CHANGED)
        if job["op"] == "identify":
            return system
        if made is not None:
            made.take(job["plug_in"])
        else:
            check_fingerprint(label, system.fingerprint, job["fingerprint"])
        self._checked.add(label)
        return system

    def _plug_in(self, label: str, spelling: str) -> System:
        """A plug-in by its label, whatever it raises here and did not where the run was planned."""
        try:
            return contained(self._made, label, spelling)
        except NotScorable:
            raise
        except Exception as error:
            told = str(error) if isinstance(error, CodecBenchError) else explained(error)
            reason = f"{label} cannot be made in the process that codes: {told}"
            raise NotScorable(reason, Status.ENCODE_FAILED, trace_of(error)) from error


def _plain(outcome: NotScorable) -> list[str]:
    """Why something could not be coded, as the arguments of another `NotScorable`."""
    return [outcome.reason, outcome.status.value, outcome.trace]


def _lost() -> Audio:
    raise NotScorable("the code was lost from the cache; run again", Status.DECODE_FAILED)


def check_fingerprint(what: str, here: str, expected: str) -> None:
    """Raises a `UsageError` where something would give other numbers here than where the run was planned."""
    if here != expected:
        raise other_versions(what)


def other_versions(what: str) -> UsageError:
    """The error for a machine whose packages or files differ."""
    return UsageError(
        f"{what} has other versions of packages or other weights here than where the run was started; install the same "
        "environment on all machines (codec-bench doctor lists it)"
    )
