"""What runs on the machines of a cluster: one class per kind of work, each in a process of its own.

Jobs and replies are plain dictionaries of bytes, arrays, numbers and texts; codecs and metrics are made here from their
names, and their fingerprints must be those of the machine that drives the run: other package versions or weights would
give other numbers under the same address.
"""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codec_bench.cache import ArrayCache
from codec_bench.coding.dispatch import LoadCrash
from codec_bench.coding.local import CodingServer
from codec_bench.coding.signals import load_signal
from codec_bench.coding.worker import check_fingerprint, other_versions
from codec_bench.errors import CodecBenchError
from codec_bench.hub import home
from codec_bench.metrics.model import free_models
from codec_bench.processes.pool import ProcessServer
from codec_bench.processes.process import ProcessCrash, WorkerError
from codec_bench.reconstruction.engines.parcels import metric_named, put, taken, unpack_signals
from codec_bench.reconstruction.models import compute_kept
from codec_bench.reconstruction.worker import SCORER
from codec_bench.version import __version__

Reply = dict[str, Any]


class Remote:
    """What all kinds have in common."""

    def ready(self) -> dict[str, str]:
        """Where this process is, and what it runs."""
        import ray

        return {"node": ray.get_runtime_context().get_node_id(), "version": __version__}

    def call(self, parcel: Mapping[str, Any]) -> Reply:
        """Does one job; what cannot be done here at all comes back as `fatal`."""
        try:
            return self._done(parcel)
        except CodecBenchError as error:
            return {"fatal": f"{platform.node()}: {error}", "exit_code": error.exit_code}
        except WorkerError as error:
            return {"failed_job": str(error)}

    def _done(self, parcel: Mapping[str, Any]) -> Reply:
        raise NotImplementedError


class Scoring(Remote):
    """Scores pairs in a process of its own, which may die or hang without this one.

    Args:
        timeout: Seconds that one pair may take.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._cache = home() / "cache"
        self._worker: ProcessServer | None = None

    def _done(self, parcel: Mapping[str, Any]) -> Reply:
        for name, expected in parcel["fingerprints"].items():
            check_fingerprint(f"metric {name}", metric_named(name).fingerprint, expected)
        job = parcel["job"]
        features = ArrayCache(self._cache / "features")
        put(features, parcel["features"])
        with tempfile.TemporaryDirectory(prefix="codec-bench-") as folder:
            unpack_signals([job["reference"], job["decoded"]], parcel["signals"], Path(folder))
            copies = {side: job[side] | {"folder": folder} for side in ("reference", "decoded")}
            if self._worker is None:
                self._worker = ProcessServer(SCORER, {"cache": str(self._cache)}, self._timeout, threads=1)
            try:
                reply = self._worker.call(job | copies)
            except ProcessCrash as crash:
                self._worker.close()
                self._worker = None
                return {"crashed": str(crash)}
        return reply | {"entries": taken(features, parcel["wanted"])}


class Coding(Remote):
    """Encodes and decodes in a process of its own, which may die or hang without this one.

    Args:
        timeout: Seconds that coding one piece may take.
        device: `cpu`, or `cuda` for the GPU that Ray gave to this process.
        batch_seconds: See `CodecCalls`.
        checkpoint: Weights for the codec, by a path that this machine can read.
    """

    def __init__(self, timeout: float, device: str, batch_seconds: float | None, checkpoint: str | None) -> None:
        self._timeout = timeout
        self._folder = tempfile.TemporaryDirectory(prefix="codec-bench-")
        self._arguments = {
            "cache": self._folder.name,
            "device": device,
            "batch_seconds": batch_seconds,
            "checkpoint": checkpoint,
        }
        self._server: CodingServer | None = None

    def _done(self, parcel: Mapping[str, Any]) -> Reply:
        scratch = Path(self._folder.name)
        caches = {kind: ArrayCache(scratch / kind) for kind in ("codes", "audio")}
        put(caches["codes"], parcel["known"])
        for name, data in parcel["recordings"].items():
            (scratch / name).write_bytes(data)
        if self._server is None:
            self._server = CodingServer(self._arguments, self._timeout)
        try:
            pieces = [dict(piece, folder=str(scratch)) for piece in parcel["job"]["pieces"]]
            reply = self._server.call(dict(parcel["job"], pieces=pieces))
            made = {kind: taken(cache, parcel["wanted"][kind]) for kind, cache in caches.items()}
        except ProcessCrash as crash:
            self._server.close()
            self._server = None
            return {"crashed": str(crash), "loading": isinstance(crash, LoadCrash)}
        finally:
            for file in scratch.rglob("*"):
                if file.is_file():
                    file.unlink()
        return reply | made | {"failed": reply["failed"] | parcel["failed"]}


class Applying(Remote):
    """Applies learned models of metrics on a GPU.

    Args:
        device: `cuda`: the GPU that Ray gave to this process.
    """

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
            sources = [source | {"folder": name} for source in parcel["sources"]]
            features = ArrayCache(folder / "features")
            started = time.perf_counter()
            compute_kept(feature, rate, sources, lambda s: load_signal(s, features), features, self._device)
            return {"entries": taken(features, parcel["wanted"]), "seconds": time.perf_counter() - started}
