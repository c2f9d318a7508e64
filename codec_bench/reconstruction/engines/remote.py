"""What runs on the machines of a cluster: one class per kind of work, each in a process of its own.

Jobs and replies are plain dictionaries of bytes, arrays, numbers and texts; codecs and metrics are made here from their
names, and their fingerprints must be those of the machine that drives the run: other package versions or weights would
give other numbers under the same address.
"""

from __future__ import annotations

import platform
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from codec_bench.cache import ArrayCache
from codec_bench.coding.local import CodingServer
from codec_bench.coding.signals import copied, load_signal
from codec_bench.coding.worker import check_fingerprint, other_versions
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.hub import home
from codec_bench.identity import join_invocation
from codec_bench.metrics.model import free_models
from codec_bench.processes.pool import ProcessServer
from codec_bench.processes.process import ProcessCrash
from codec_bench.reconstruction.engines.parcels import metric_named, put, taken, unpack_signals
from codec_bench.reconstruction.models import compute
from codec_bench.reconstruction.worker import SCORER
from codec_bench.version import __version__

Reply = dict[str, Any]


class Remote(ABC):
    """What all kinds have in common."""

    def ready(self) -> None:
        """Returns when the process is there."""

    def call(self, parcel: Mapping[str, Any]) -> Reply:
        """Does one job.

        Raises:
            CodecBenchError: It cannot be done here; the message names this machine.
            ProcessCrash: What it needed ended, or did not reply in time.
            WorkerError: It failed.
        """
        try:
            if parcel["version"] != __version__:
                raise UsageError(
                    f"codec-bench is {__version__} here, and {parcel['version']} where the run was started"
                )
            return self._done(parcel)
        except CodecBenchError as error:
            error.args = (f"{platform.node()}: {error}",)
            raise

    @abstractmethod
    def _done(self, parcel: Mapping[str, Any]) -> Reply:
        """Does the job itself."""


class Guarded(Remote):
    """Has jobs done in a process of its own, which may die or hang without this one."""

    def __init__(self, start: Callable[[], ProcessServer]) -> None:
        self._start = start
        self._server: ProcessServer | None = None

    def _ask(self, job: Mapping[str, Any]) -> Reply:
        if self._server is None:
            self._server = self._start()
        try:
            return self._server.call(job)
        except ProcessCrash:
            self._server.close()
            self._server = None
            raise


class Scoring(Guarded):
    """Scores pairs; one may take `timeout` seconds."""

    def __init__(self, timeout: float) -> None:
        cache = home() / "cache"
        super().__init__(lambda: ProcessServer(SCORER, {"cache": str(cache)}, timeout, threads=1))
        self._features = ArrayCache(cache / "features")

    def _done(self, parcel: Mapping[str, Any]) -> Reply:
        for name, expected in parcel["fingerprints"].items():
            check_fingerprint(f"metric {name}", metric_named(name).fingerprint, expected)
        job = parcel["job"]
        put(self._features, parcel["features"])
        with tempfile.TemporaryDirectory(prefix="codec-bench-") as folder:
            unpack_signals([job["reference"], job["decoded"]], parcel["signals"], Path(folder))
            copies = {side: copied(job[side], Path(folder)) for side in ("reference", "decoded")}
            reply = self._ask(job | copies)
        return reply | {"entries": taken(self._features, parcel["wanted"])}


def scored(timeout: float, parcel: Mapping[str, Any]) -> Reply:
    """A task: scores a pair; tasks that come to one process share its scoring process."""
    return _scoring(timeout, parcel.get("invocation", "")).call(parcel)


@lru_cache(maxsize=1)
def _scoring(timeout: float, invocation: str) -> Scoring:
    join_invocation(invocation)  # a process that begins now inherits it
    return Scoring(timeout)


class Coding(Guarded):
    """Encodes and decodes: a piece in `timeout` seconds, on the CPU or with `cuda` on the GPU that Ray gave us."""

    def __init__(self, timeout: float, device: str, batch_seconds: float | None, checkpoint: str | None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="codec-bench-")
        arguments = {
            "cache": self._folder.name,
            "device": device,
            "batch_seconds": batch_seconds,
            "checkpoint": checkpoint,
        }
        super().__init__(lambda: CodingServer(arguments, timeout))

    def _done(self, parcel: Mapping[str, Any]) -> Reply:
        scratch = Path(self._folder.name)
        caches = {kind: ArrayCache(scratch / kind) for kind in ("codes", "audio")}
        put(caches["codes"], parcel["known"])
        for name, data in parcel["recordings"].items():
            (scratch / name).write_bytes(data)
        try:
            pieces = [dict(piece, folder=str(scratch)) for piece in parcel["job"]["pieces"]]
            reply = self._ask(dict(parcel["job"], pieces=pieces))
            made = {kind: taken(cache, parcel["wanted"][kind]) for kind, cache in caches.items()}
        finally:
            for file in scratch.rglob("*"):
                if file.is_file():
                    file.unlink()
        return reply | made | {"failed": reply["failed"] | parcel["failed"]}


class Applying(Remote):
    """Applies learned models of metrics on the GPU that Ray gave to this process, `cuda`."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._loaded = ""

    def _done(self, parcel: Mapping[str, Any]) -> Reply:
        made = metric_named(parcel["metric"])
        found = [(f, rate) for f, rate in made.models if f.fingerprint == parcel["fingerprint"]]
        if not found:
            raise other_versions(f"a model of metric {made.label}")
        feature, rate = found[0]
        if self._loaded != feature.fingerprint:
            free_models()
            self._loaded = feature.fingerprint
        with tempfile.TemporaryDirectory(prefix="codec-bench-") as name:
            folder = Path(name)
            unpack_signals(parcel["sources"], parcel["signals"], folder)
            sources = [copied(source, folder) for source in parcel["sources"]]
            features = ArrayCache(folder / "features")
            compute(feature, rate, sources, lambda s: load_signal(s, features), features, self._device)
            return {"entries": taken(features, parcel["wanted"])}
