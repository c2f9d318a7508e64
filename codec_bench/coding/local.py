"""Processes on this machine that code."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codec_bench.adapters import CODECS
from codec_bench.adapters.codec import Codec
from codec_bench.adapters.prepared import Broken
from codec_bench.adapters.systems import System, parse_systems, split_setting
from codec_bench.coding.codec_calls import batch_budget
from codec_bench.coding.devices import chosen_device
from codec_bench.coding.dispatch import Coders, Dispatcher, LoadCrash
from codec_bench.coding.worker import CODER, Coder
from codec_bench.errors import UsageError
from codec_bench.processes.pool import Pool, ProcessServer, worker_count
from codec_bench.processes.process import ProcessCrash

logger = logging.getLogger(__name__)

TOGETHER = 64
"""Utterances that are coded together where a codec batches: enough for like lengths, few enough to wait for."""

LOAD_SECONDS = 1860.0
"""That loading a codec may take at least; one in an environment of its own gives up by itself before that."""


class CodingServer(ProcessServer):
    """A process that codes, with arguments for `Coder`; coding one piece may take `timeout` seconds."""

    def __init__(self, arguments: Mapping[str, Any], timeout: float, threads: int | None = None) -> None:
        super().__init__(CODER, arguments, threads=threads)
        self._piece_seconds = timeout
        self._system = ""
        self._call_seconds = timeout

    def call(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Has the codec loaded, which has a time limit of its own, and the job done.

        Raises:
            LoadCrash: The process ended while it loaded the codec, or did not reply in time.
            ProcessCrash: The same while it coded.
            WorkerError: The job failed.
            CodecBenchError: No job of this system can be done.
        """
        if job["op"] in ("identify", "load"):
            return self._loading(job, job)
        if job["system"] != self._system:
            loaded = self._loading(job, dict(job, op="load", pieces=[], arrays={}))
            if "lost" in loaded:
                return loaded
            self._system = job["system"]
            self._call_seconds = max(self._piece_seconds, loaded["call_seconds"])
        limited = dict(job, limit=self._call_seconds)
        return self.ask(limited, self._call_seconds * max(1, len(job.get("pieces", ()))))

    def _loading(self, job: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self.ask(dict(request), max(self._piece_seconds, LOAD_SECONDS))
        except ProcessCrash as crash:
            raise LoadCrash(f"{job['system']} cannot be loaded: {crash}") from crash


class _Here:
    """Codes in this process, which whatever the codec does ends: for codecs that no name stands for."""

    is_ready = True

    def __init__(self, coder: Coder) -> None:
        self._coder = coder

    def wait(self) -> None:
        pass

    def call(self, job: Mapping[str, Any]) -> dict[str, Any]:
        return self._coder.answer(job)

    def kill(self) -> None:
        pass

    def close(self) -> None:
        self._coder.close()


class LocalCoders(Coders):
    """Codes in processes on this machine; each codec has processes of its own, which end when another one's turn comes.

    Args:
        cache: Folder of the caches.
        device: Where codecs run; `auto` takes a GPU for codecs that use torch, where there is one.
        batch_seconds: Seconds of audio that are coded together, padding included; 0 codes one recording at a time, None
            does so on a CPU and takes `codec_calls.GPU_BATCH_SECONDS` on a GPU.
        timeout: Seconds that coding one piece may take.
        jobs: Processes for codecs that run on the CPU.
        checkpoint: Weights for the codec.
    """

    def __init__(
        self,
        cache: Path,
        device: str,
        batch_seconds: float | None = None,
        *,
        timeout: float = 600.0,
        jobs: int = 1,
        checkpoint: Path | None = None,
    ) -> None:
        self._arguments: dict[str, Any] = {
            "cache": str(cache.resolve()),
            "device": device,
            "batch_seconds": batch_seconds,
            "checkpoint": None if checkpoint is None else str(checkpoint.resolve()),
        }
        self._device = device
        self._batch_seconds = batch_seconds
        self._timeout = timeout
        self._jobs = jobs
        self._of: object = None
        self._named: dict[str, bool] = {}
        self._nameless: dict[str, System] = {}
        self._pool: Pool | None = None

    def pool(self, system: System) -> Pool:
        """Servers for a system; those for another codec end."""
        assert isinstance(system.source, Codec), "prepared audio is not coded"
        if system.label not in self._named:
            self._named[system.label] = has_name(system)
        named = self._named[system.label]
        of = type(system.source) if named else system.source
        if not named:
            self._nameless[system.label] = system
        if self._pool is None or self._of != of:
            self.close()
            if named:
                count = self.servers(system.source)
                threads = _threads(count)
                self._pool = Pool(count, lambda: CodingServer(self._arguments, self._timeout, threads))
            else:
                level = logging.DEBUG if system.source.live else logging.WARNING
                why = "it runs in this process, whatever it does"
                logger.log(level, "%s has no name to load it by: %s", system.label, why)
                self._pool = Pool(1, lambda: _Here(Coder(**self._arguments, systems=self._nameless)))
            self._of = of
        return self._pool

    def servers(self, codec: Codec) -> int:
        """One where a GPU is used, which several would share."""
        return self._jobs if chosen_device(self._device, codec) == "cpu" else 1

    def together(self, codec: Codec) -> int:
        """One, unless the codec gets batches."""
        return TOGETHER if batch_budget(self._batch_seconds, chosen_device(self._device, codec)) else 1

    def close(self) -> None:
        """Ends the processes."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None


def _threads(processes: int) -> int | None:
    """Threads of each of several processes, which all of them on every core would take from one another; None: any."""
    if processes == 1 or "OMP_NUM_THREADS" in os.environ:
        return None
    return max(1, worker_count(None) // processes)


def has_name(system: System) -> bool:
    """Whether another process can make a system from its name: one that has run none of the caller's code."""
    assert isinstance(system.source, Codec), "prepared audio is not coded"
    cls = type(system.source)
    if cls.__module__ == "__main__" or system.source.live:
        return False
    try:
        if not CODECS.gives(split_setting(system.spelling)[0], cls):
            return False
        found = parse_systems([system.spelling], needs_audio=False, keeps_broken=True)
    except UsageError:
        return False
    return len(found) == 1 and isinstance(found[0].source, cls | Broken)  # it may be broken the second time only


def local_dispatcher(cache: Path, device: str) -> Dispatcher:
    """Has recordings coded by a process on this machine, one at a time, as batches round otherwise."""
    return Dispatcher(cache, LocalCoders(cache, device, batch_seconds=0.0))
