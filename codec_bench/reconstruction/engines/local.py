"""Everything on this machine: coding processes, and one scoring process per job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path
from typing import Any

from codec_bench.cache import ArrayCache
from codec_bench.coding.devices import torch_device
from codec_bench.coding.dispatch import Dispatcher
from codec_bench.coding.local import LocalCoders
from codec_bench.coding.signals import load_signal
from codec_bench.metrics import Metric
from codec_bench.metrics.signal import Feature
from codec_bench.processes.pool import ProcessPool, worker_count
from codec_bench.reconstruction.config import RunConfig
from codec_bench.reconstruction.engines.engine import Engine
from codec_bench.reconstruction.models import compute
from codec_bench.reconstruction.worker import SCORER

JOBS_AHEAD = 4
"""Decoded pairs that wait per scoring process."""


class LocalEngine(Engine):
    """Does everything on this machine.

    Args:
        config: Options of the run.
        cache: Folder of the caches.
    """

    def __init__(self, config: RunConfig, cache: Path) -> None:
        self._config = config
        self._cache = cache
        self._jobs = worker_count(config.jobs)
        coders = LocalCoders(
            cache,
            config.device,
            config.batch_seconds,
            timeout=config.timeout,
            jobs=config.coding_jobs,
            checkpoint=config.checkpoint,
        )
        self.coding = Dispatcher(cache, coders)

    def __enter__(self) -> LocalEngine:
        self._pool = ProcessPool(self._jobs, SCORER, {"cache": str(self._cache)}, self._config.timeout)
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()
        self.coding.close()

    @property
    def ahead(self) -> int:
        """A few per scoring process."""
        return JOBS_AHEAD * self._jobs

    @cached_property
    def model_device(self) -> str:
        """The requested device, or for `auto` the first GPU."""
        return torch_device(self._config.device)

    def submit(self, job: Mapping[str, Any]) -> Future[dict[str, Any]]:
        """Queues a pair for the scoring processes."""
        return self._pool.submit(job)

    def apply(self, metric: Metric, feature: Feature, rate: int, sources: Iterable[Mapping[str, Any]]) -> None:
        """Applies the model in this process."""
        audio, features = ArrayCache(self._cache / "audio"), ArrayCache(self._cache / "features")
        compute(feature, rate, sources, lambda source: load_signal(source, audio), features, self.model_device)
