"""Everything on this machine: coding processes, and one scoring process per job."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from codec_bench.coding.devices import torch_device
from codec_bench.coding.local import LocalCoders
from codec_bench.processes.pool import ProcessPool, worker_count
from codec_bench.reconstruction.config import RunConfig
from codec_bench.reconstruction.engines.engine import Engine
from codec_bench.reconstruction.worker import SCORER

JOBS_AHEAD = 4
"""Decoded pairs that wait per scoring process."""


class LocalEngine(Engine):
    """Does everything on this machine, as the options of a run say, with a folder of caches."""

    def __init__(self, config: RunConfig, cache: Path) -> None:
        coders = LocalCoders(
            cache,
            config.device,
            config.batch_seconds,
            timeout=config.timeout,
            jobs=config.coding_jobs,
            checkpoint=config.checkpoint,
        )
        super().__init__(config, cache, coders)
        self._jobs = worker_count(config.jobs)

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

    @property
    def model_device(self) -> str:
        """The requested device, or for `auto` the first GPU."""
        return torch_device(self._config.device)

    def submit(self, job: Mapping[str, Any], attempts: int) -> Future[dict[str, Any]]:
        """Queues a pair for the scoring processes."""
        return self._pool.submit(job, attempts)
