"""Codecs, scores and models on a Ray cluster; this process drives it, and it alone writes.

Scores are tasks, one at a time on each CPU. Codecs and learned models, which are loaded once, are actors: one per GPU,
or for every fourth CPU, of which they ask a sliver only, for codecs and scores that waited for each other's CPUs would
wait for ever. Ray places all of them, and gives what a lost machine did to another one. Every machine has its own cache
of features; what the run needs afterwards comes back with the scores.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.systems import System
from codec_bench.cache import ArrayCache
from codec_bench.coding.batching import parts
from codec_bench.coding.dispatch import Coders, Dispatcher
from codec_bench.coding.local import LocalCoders
from codec_bench.coding.signals import read_recording
from codec_bench.errors import UsageError
from codec_bench.metrics import Metric
from codec_bench.metrics.signal import Feature, feature_address
from codec_bench.processes.pool import Pool, worker_count
from codec_bench.processes.process import ProcessCrash
from codec_bench.reconstruction.config import RunConfig
from codec_bench.reconstruction.engines.cluster import (
    SLIVER,
    ActorServer,
    TaskServer,
    check_ray,
    check_versions,
    connect,
    keeping_sigterm,
)
from codec_bench.reconstruction.engines.engine import Engine
from codec_bench.reconstruction.engines.parcels import pack_scoring, put, signals_of, taken
from codec_bench.reconstruction.engines.remote import Applying, Coding, scored
from codec_bench.reconstruction.models import Told
from codec_bench.records import NotScorable

logger = logging.getLogger(__name__)

JOBS_AHEAD = 2
"""Decoded pairs that wait per scoring process; their audio stays on disk until a process is free."""

CHUNKS_AHEAD = 2
"""Parts of the signals that a model is applied to or that wait, per process."""

SCORING_CPU = 0.9
"""What a task that scores asks of a CPU, so that one of them and a few of the slivers of actors fit."""

CHUNK_GPU = 32
CHUNK_CPU = 4
"""Pairs that are coded by one process at once: on a GPU enough for batches of like lengths."""

SIGNALS_AT_ONCE = 64
"""Signals that a model is applied to by one process at once."""


class RayCoders(Coders):
    """Codes in one process per GPU of a cluster, or on a part of the CPUs that the run may use.

    A checkpoint lies where all machines can read it; the caches are those of this machine.
    """

    def __init__(self, config: RunConfig, cache: Path) -> None:
        self._config = config
        self._codes = ArrayCache(cache / "codes")
        self._audio = ArrayCache(cache / "audio")
        self._pool: tuple[bool, Pool] | None = None
        self.cpus = self.gpus = 0

    def pool(self, system: System) -> Pool:
        """Processes on GPUs, or on CPUs."""
        assert isinstance(system.source, Codec), "prepared audio is not coded"
        on_gpu = self._runs_on_gpu(system.source)
        if self._pool is None or self._pool[0] != on_gpu:
            self.close()
            self._pool = (on_gpu, Pool(self.servers(system.source), lambda: self._server(on_gpu)))
        return self._pool[1]

    def servers(self, codec: Codec) -> int:
        """One per GPU; on CPUs a quarter, because scoring takes most of the time, unless more are asked for."""
        return self.gpus if self._runs_on_gpu(codec) else max(self._config.coding_jobs, self.cpus // 4)

    def together(self, codec: Codec) -> int:
        """Enough for batches of like lengths on a GPU."""
        return CHUNK_GPU if self._runs_on_gpu(codec) else CHUNK_CPU

    def close(self) -> None:
        """Ends the processes."""
        if self._pool is not None:
            self._pool[1].close()
            self._pool = None

    def _runs_on_gpu(self, codec: Codec) -> bool:
        return self.gpus > 0 and "torch" in codec.packages

    def _server(self, on_gpu: bool) -> ActorServer:
        config = self._config
        checkpoint = None if config.checkpoint is None else str(config.checkpoint.resolve())
        arguments = (config.timeout, "cuda" if on_gpu else "cpu", config.batch_seconds, checkpoint)
        return ActorServer(Coding, arguments, actor_options(on_gpu), self._pack, self._unpack)

    def _pack(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """A job with the recordings and codes that it needs."""
        recordings, pieces, failed = {}, [], {}
        for piece in job["pieces"]:
            try:
                if "digest" in piece:
                    recordings[piece["digest"]] = read_recording(piece)
                pieces.append(piece)
            except NotScorable as outcome:
                failed[piece["address"]] = [outcome.reason, outcome.status.value, outcome.trace]
        if not pieces:
            return {"reply": {"failed": failed, "notes": {}, "devices": {}, "seconds": 0.0}}
        known = taken(self._codes, [piece["coded"] for piece in pieces])
        return {
            "job": dict(job, pieces=pieces),
            "recordings": recordings,
            "known": known,
            "wanted": {
                "codes": [piece["coded"] for piece in pieces if piece["coded"] not in known],
                "audio": [piece["decoded"] for piece in pieces],
            },
            "failed": failed,
        }

    def _unpack(self, reply: dict[str, Any]) -> dict[str, Any]:
        put(self._codes, reply.pop("codes"))
        put(self._audio, reply.pop("audio"))
        return reply


class RayEngine(Engine):
    """Drives a Ray cluster, with the caches of this machine.

    Raises:
        UnavailableError: Ray is not installed.
        UsageError: A GPU is requested by its number.
    """

    def __init__(self, config: RunConfig, cache: Path) -> None:
        check_ray()
        if ":" in config.device:
            raise UsageError(f"Ray chooses the GPU of each process: take --device cuda, not {config.device}")
        self._coders = RayCoders(config, cache)
        super().__init__(config, cache, self._coders)

    def identify(self, systems: Sequence[System]) -> list[str]:
        """On the machine that drives the run; processes of the cluster compare with what was found here."""
        device = "auto" if self._config.device == "cuda" else self._config.device
        coders = LocalCoders(self._cache, device, checkpoint=self._config.checkpoint)
        with closing(Dispatcher(self._cache, coders)) as here:
            return here.identify(systems)

    def __enter__(self) -> RayEngine:
        with ExitStack() as stack:
            jobs = worker_count(self._config.jobs)
            if connect(self._config.ray_address, jobs, self._config.device != "cpu"):
                stack.callback(_shut_down)
            self._count_resources()
            check_versions()  # a cluster that cannot run us says so at once
            self._scorers = stack.enter_context(Pool(self._coders.cpus, self._scorer))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.coding.close()
        finally:
            self._stack.close()

    def _count_resources(self) -> None:
        import ray

        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        self._coders.cpus = min(int(resources.get("CPU", 0)), self._config.jobs or 2**30)
        self._coders.gpus = 0 if self._config.device == "cpu" else int(resources.get("GPU", 0))
        if self._coders.cpus < 1:
            raise UsageError("the Ray cluster has no CPU: start a worker with `ray start --address=...`")
        if self._config.device == "cuda" and not self._coders.gpus:
            raise UsageError("--device cuda was given, but the Ray cluster has no GPU")

    @property
    def ahead(self) -> int:
        """A few per scoring process."""
        return JOBS_AHEAD * self._coders.cpus

    @property
    def model_device(self) -> str:
        """`cuda` where the cluster has GPUs."""
        return "cuda" if self._coders.gpus else "cpu"

    # --- scores ------------------------------------------------------------------------------------------------

    def submit(self, job: Mapping[str, Any], attempts: int) -> Future[dict[str, Any]]:
        """Queues a pair; it is read and sent when a process is free."""
        return self._scorers.submit(job, attempts)

    def _scorer(self) -> TaskServer:
        options = {"num_cpus": SCORING_CPU, "name": "Scoring.call"}
        pack = partial(pack_scoring, cache=self._cache)
        return TaskServer(scored, (self._config.timeout,), options, pack, self._keep_features)

    def _keep_features(self, reply: dict[str, Any]) -> dict[str, Any]:
        put(self._features, reply.pop("entries"))
        return reply

    # --- learned models ----------------------------------------------------------------------------------------

    def apply(
        self, metric: Metric, feature: Feature, rate: int, sources: Iterable[Mapping[str, Any]], told: Told
    ) -> None:
        """Applies a model on the GPUs of the cluster, or in this process where it has none."""
        if not self._coders.gpus:
            super().apply(metric, feature, rate, sources, told)
            return
        keyed = ((feature_address(source["identity"], feature, rate), source) for source in sources)
        absent = ((key, source) for key, source in keyed if self._features.get(key) is None)
        with Pool(self._coders.gpus, self._applier) as pool:
            waiting: dict[Future[dict[str, Any]], int] = {}
            sent = 0

            def collect() -> None:
                _finish(waiting)
                told(sent - sum(waiting.values()), sent)

            for part in parts(absent, SIGNALS_AT_ONCE):
                signals = dict(part)
                job = {"metric": metric.spelling, "fingerprint": feature.fingerprint, "signals": signals}
                waiting[pool.submit(job)] = len(signals)
                sent += len(signals)
                while len(waiting) >= CHUNKS_AHEAD * self._coders.gpus:
                    collect()
            while waiting:
                collect()

    def _applier(self) -> ActorServer:
        return ActorServer(Applying, ("cuda",), actor_options(True), self._pack_applying, self._keep_features)

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


def actor_options(on_gpu: bool) -> dict[str, Any]:
    """What a process that keeps what it has loaded needs of a machine, as Ray has it."""
    return {"num_cpus": SLIVER, "num_gpus": 1 if on_gpu else 0, "scheduling_strategy": "SPREAD"}


def _finish(waiting: dict[Future[dict[str, Any]], int]) -> None:
    """Waits for at least one, and drops those that are done; signals of a process that died are left to scoring."""
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        del waiting[future]
        try:
            future.result()
        except ProcessCrash as error:
            logger.warning("a learned model: %s; its signals are tried again one by one", error)


def _shut_down() -> None:
    import ray

    with keeping_sigterm():
        ray.shutdown()
