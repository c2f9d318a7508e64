"""Codecs, scores and models on a Ray cluster; this process drives it, and it alone writes.

Encode and decode run in one process per GPU (or on a part of the CPUs), scores in one process per CPU. Every machine
has its own cache of features; what the run needs afterwards comes back with the scores.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from codec_bench.adapters.codec import Codec
from codec_bench.cache import ArrayCache
from codec_bench.coding.batching import parts
from codec_bench.coding.conditions import Piece
from codec_bench.coding.items import Item
from codec_bench.coding.reconstruct import Reconstructor
from codec_bench.coding.rows import Row
from codec_bench.coding.signals import load_signal, read_recording
from codec_bench.errors import UsageError
from codec_bench.fingerprint import address
from codec_bench.metrics import Metric
from codec_bench.metrics.signal import Feature, feature_address
from codec_bench.processes.pool import Pool, worker_count
from codec_bench.processes.process import ProcessCrash
from codec_bench.reconstruction.engines.cluster import RemoteServer, check_ray, connect
from codec_bench.reconstruction.engines.engine import T
from codec_bench.reconstruction.engines.parcels import pack_scoring, put, signals_of
from codec_bench.reconstruction.engines.remote import Applying, Coding, Scoring
from codec_bench.reconstruction.models import compute
from codec_bench.reconstruction.worker import unscored
from codec_bench.records import NotScorable, Status

logger = logging.getLogger(__name__)

JOBS_AHEAD = 2
"""Decoded pairs that wait per scoring process; their audio stays on disk until a process is free."""

CHUNKS_AHEAD = 2
"""Chunks that are coded or wait, per coding process."""

CHUNK_GPU = 32
CHUNK_CPU = 4
"""Pairs that are coded by one process at once: on a GPU enough for batches of like lengths."""

SIGNALS_AT_ONCE = 64
"""Signals that a model is applied to by one process at once."""

Chunk = list[tuple[T, list[Piece]]]


class RayEngine:
    """Drives a Ray cluster.

    Args:
        cache: Folder of the caches of this machine.
        jobs: CPUs to use; None for all of the cluster.
        device: `auto`, `cpu` or `cuda`; Ray chooses the GPUs.
        timeout: Seconds that scoring one pair may take.
        batch_seconds: Seconds of audio that are coded together; see `Reconstructor`.
        address: Address of the cluster; None takes `RAY_ADDRESS`, or starts a cluster on this machine.
        checkpoint: Weights for the codec, by a path that all machines can read.

    Raises:
        UnavailableError: Ray is not installed.
        UsageError: A GPU is asked for by its number.
    """

    def __init__(
        self,
        cache: Path,
        *,
        jobs: int | None = None,
        device: str = "auto",
        timeout: float = 600.0,
        batch_seconds: float | None = None,
        address: str | None = None,
        checkpoint: Path | None = None,
    ) -> None:
        check_ray()
        if ":" in device:
            raise UsageError(f"Ray chooses the GPU of each process: take --device cuda, not {device}")
        self._cache = cache
        self._features = ArrayCache(cache / "features")
        self._audio = ArrayCache(cache / "audio")
        self._codes = ArrayCache(cache / "codes")
        self._wanted_jobs = jobs
        self._device = device
        self._timeout = timeout
        self._batch_seconds = batch_seconds
        self._address = address
        self._checkpoint = None if checkpoint is None else str(checkpoint.resolve())
        self.reconstructor = Reconstructor(cache, device, batch_seconds=0)
        self.seconds: dict[str, float] = {}
        self._lock = threading.Lock()
        self._coders: tuple[bool, Pool] | None = None
        self._scorers_started = 0

    def __enter__(self) -> RayEngine:
        with ExitStack() as stack:
            if connect(self._address, worker_count(self._wanted_jobs), self._device != "cpu"):
                stack.callback(_shut_down)
            self._count_resources()
            first = self._scorer()
            stack.callback(first.close)
            first.wait()  # a cluster that cannot run us says so at once
            waiting = [first]
            pool = Pool(self._cpus - self._kept_free, lambda: waiting.pop() if waiting else self._scorer())
            self._scorers = stack.enter_context(pool)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            self._end_coders()
        finally:
            self._stack.close()

    def _count_resources(self) -> None:
        import ray

        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        self._cpus = min(int(resources.get("CPU", 0)), self._wanted_jobs or 2**30)
        self._gpus = 0 if self._device == "cpu" else int(resources.get("GPU", 0))
        # Codecs and scores that waited for each other's CPUs would wait for ever.
        self._kept_free = min(self._cpus - 1, max(1, self._cpus // 4, self._gpus))
        if self._cpus < 1:
            raise UsageError("the Ray cluster has no CPU: start a worker with `ray start --address=...`")
        if self._device == "cuda" and not self._gpus:
            raise UsageError("--device cuda was given, but the Ray cluster has no GPU")

    @property
    def ahead(self) -> int:
        """A few per scoring process."""
        return JOBS_AHEAD * self._cpus

    @property
    def model_device(self) -> str:
        """`cuda` where the cluster has GPUs."""
        return "cuda" if self._gpus else "cpu"

    # --- scores ------------------------------------------------------------------------------------------------

    def submit(self, job: Mapping[str, Any]) -> Future[dict[str, Any]]:
        """Queues a pair; it is read and sent when a process is free."""
        return self._scorers.submit(job)

    def _scorer(self) -> RemoteServer:
        self._scorers_started += 1
        return RemoteServer(
            Scoring, (self._timeout,), {"num_cpus": 1}, self._pack_scoring, self._unpack_scoring,
            shares=self._scorers_started > self._cpus,  # it replaces one
        )  # fmt: skip

    def _pack_scoring(self, job: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return pack_scoring(job, self._cache)
        except NotScorable as outcome:
            return {"reply": unscored(job, outcome)}

    def _unpack_scoring(self, reply: dict[str, Any]) -> dict[str, Any]:
        put(self._features, reply.pop("entries"))
        return reply

    # --- codes and decoded audio -------------------------------------------------------------------------------

    def coded(self, row: Row, tasks: Iterable[T]) -> Iterator[tuple[T, NotScorable | None]]:
        """Sends what no cache has to the coding processes, a bounded number of chunks at a time."""
        if not isinstance(row.source, Codec):
            for task in tasks:
                yield task, None
            return
        on_gpu = self._runs_on_gpu(row.source)
        waiting: dict[Future[dict[str, Any]], Chunk[T]] = {}
        for part in parts(tasks, CHUNK_GPU if on_gpu else CHUNK_CPU):
            chunk: Chunk[T] = []
            for task in part:
                pieces = self._lacking(row, task.item)
                if pieces:
                    chunk.append((task, pieces))
                else:
                    yield task, None
            yield from self._send(row, on_gpu, chunk, waiting)
            while len(waiting) >= CHUNKS_AHEAD * self._coder_count(on_gpu):
                yield from self._arrived(row, on_gpu, waiting)
        while waiting:
            yield from self._arrived(row, on_gpu, waiting)

    def _lacking(self, row: Row, item: Item) -> list[Piece]:
        """What is to be coded; nothing if the pieces cannot be obtained, which the reconstructor reports later."""
        try:
            return self.reconstructor.lacking(row, item)
        except NotScorable:
            return []

    def _send(
        self, row: Row, on_gpu: bool, chunk: Chunk[T], waiting: dict[Future[dict[str, Any]], Chunk[T]]
    ) -> Iterator[tuple[T, NotScorable | None]]:
        """Queues a chunk; pairs without audio are left out."""
        described: dict[str, dict[str, Any]] = {}
        sent: Chunk[T] = []
        for task, pieces in chunk:
            try:
                found = {piece.address: self._described(row, task.item, piece) for piece in pieces}
            except NotScorable as outcome:
                yield task, outcome
                continue
            described |= found
            sent.append((task, pieces))
        if sent:
            job = {
                "system": row.system.label,
                "fingerprint": row.system.fingerprint,
                "pieces": list(described.values()),
            }
            waiting[self._coding_pool(on_gpu).submit(job)] = sent

    def _described(self, row: Row, item: Item, piece: Piece) -> dict[str, Any]:
        """A piece as a coding process gets it; what lies in files is read when it is sent."""
        code = address(code=row.source.fingerprint, recording=piece.address)
        if self._codes.get(code) is not None:  # a damaged entry is noticed here
            return {"address": piece.address, "coded": code}
        if piece.address == item.digest:
            return {"address": piece.address, "path": str(item.utterance.path), "digest": item.digest}
        audio = piece.audio()
        return {"address": piece.address, "samples": audio.samples, "rate": audio.rate}

    def _arrived(
        self, row: Row, on_gpu: bool, waiting: dict[Future[dict[str, Any]], Chunk[T]]
    ) -> Iterator[tuple[T, NotScorable | None]]:
        """The pairs of the chunks that came back; a chunk whose process died twice is sent again, pair by pair."""
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            chunk = waiting.pop(future)
            try:
                reply = future.result()
            except ProcessCrash as error:
                if len(chunk) == 1:
                    yield chunk[0][0], NotScorable(f"while coding it, {error}", Status.CRASHED)
                for pair in chunk if len(chunk) > 1 else ():
                    yield from self._send(row, on_gpu, [pair], waiting)
                continue
            for task, pieces in chunk:
                reasons = [reply["failed"][piece.address] for piece in pieces if piece.address in reply["failed"]]
                yield task, NotScorable(reasons[0][1], Status(reasons[0][0])) if reasons else None

    def _runs_on_gpu(self, codec: Codec) -> bool:
        return self._gpus > 0 and (self._device == "cuda" or "torch" in codec.packages)

    def _coder_count(self, on_gpu: bool) -> int:
        """One per GPU; on CPUs a quarter, because scoring takes most of the time."""
        return self._gpus if on_gpu else max(1, self._cpus // 4)

    def _coding_pool(self, on_gpu: bool) -> Pool:
        if self._coders is not None and self._coders[0] != on_gpu:
            self._end_coders()
        if self._coders is None:
            self._coders = (on_gpu, Pool(self._coder_count(on_gpu), lambda: self._coder(on_gpu)).__enter__())
        return self._coders[1]

    def _coder(self, on_gpu: bool) -> RemoteServer:
        # Where there are too few CPUs, codecs share them with the scores.
        has_room = self._coder_count(on_gpu) <= self._kept_free
        options = {"num_cpus": 1 if has_room else 0, "num_gpus": 1 if on_gpu else 0}
        arguments = ("cuda" if on_gpu else "cpu", self._batch_seconds, self._checkpoint)
        return RemoteServer(Coding, arguments, options, self._pack_coding, self._unpack_coding, shares=True)

    def _pack_coding(self, job: Mapping[str, Any]) -> dict[str, Any]:
        pieces, failed = [], {}
        for piece in job["pieces"]:
            if "coded" in piece:
                pieces.append(piece | {"code": self._codes.path(piece["coded"]).read_bytes()})
            elif "digest" in piece:
                try:
                    pieces.append(piece | {"file": read_recording(piece)})
                except NotScorable as outcome:
                    failed[piece["address"]] = (outcome.status.value, outcome.reason)
            else:
                pieces.append(piece)
        if not pieces:
            return {"reply": {"failed": failed}}
        return dict(job) | {"pieces": pieces, "failed": failed}

    def _unpack_coding(self, reply: dict[str, Any]) -> dict[str, Any]:
        put(self._codes, reply["codes"])
        put(self._audio, reply["audio"])
        self.reconstructor.devices.update(reply["devices"])
        self._spent("coding", reply["seconds"])
        return {"failed": reply["failed"]}

    def free_codecs(self) -> None:
        """Ends the coding processes; scoring takes their CPUs."""
        self._end_coders()
        self._scorers.grow(self._kept_free)
        self._kept_free = 0

    def _end_coders(self) -> None:
        if self._coders is not None:
            self._coders[1].__exit__(None, None, None)
            self._coders = None
        self.reconstructor.close()

    # --- learned models ----------------------------------------------------------------------------------------

    def apply(self, metric: Metric, feature: Feature, rate: int, sources: Iterable[Mapping[str, Any]]) -> None:
        """Applies a model on the GPUs of the cluster, or in this process where it has none."""
        if not self._gpus:
            compute(feature, rate, sources, lambda s: load_signal(s, self._audio), self._features, "cpu")
            return
        keyed = ((feature_address(source["identity"], feature, rate), source) for source in sources)
        absent = ((key, source) for key, source in keyed if key not in self._features)
        with Pool(self._gpus, self._applier) as pool:
            waiting: set[Future[dict[str, Any]]] = set()
            for part in parts(absent, SIGNALS_AT_ONCE):
                job = {"metric": metric.spelling, "fingerprint": feature.fingerprint}
                waiting.add(pool.submit(job | {"signals": dict(part)}))
                while len(waiting) >= CHUNKS_AHEAD * self._gpus:
                    waiting = _finished(waiting)
            while waiting:
                waiting = _finished(waiting)

    def _applier(self) -> RemoteServer:
        options = {"num_cpus": 0, "num_gpus": 1}
        return RemoteServer(
            Applying, (self.model_device,), options, self._pack_applying, self._unpack_applying, shares=True
        )

    def _pack_applying(self, job: Mapping[str, Any]) -> dict[str, Any]:
        signals: dict[str, bytes] = {}
        sources = []
        for source in job["signals"].values():
            try:
                signals |= signals_of([source], self._audio)
            except NotScorable:
                continue  # scoring meets the same problem, and gives it its status
            sources.append(dict(source))
        return {
            "metric": job["metric"],
            "fingerprint": job["fingerprint"],
            "sources": sources,
            "signals": signals,
            "wanted": list(job["signals"]),
        }

    def _unpack_applying(self, reply: dict[str, Any]) -> dict[str, Any]:
        put(self._features, reply["entries"])
        return {}

    def _spent(self, stage: str, seconds: float) -> None:
        with self._lock:  # replies come in several threads
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds


def _finished(waiting: set[Future[dict[str, Any]]]) -> set[Future[dict[str, Any]]]:
    """Those that are not done after at least one is; signals of a process that died are left to scoring."""
    done, rest = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        try:
            future.result()
        except ProcessCrash as error:
            logger.warning("a learned model: %s; its signals are tried again one by one", error)
    return rest


def _shut_down() -> None:
    import ray

    ray.shutdown()
