"""Codecs in this process, one scoring process per job beside it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from codec_bench.cache import ArrayCache
from codec_bench.coding.batching import parts
from codec_bench.coding.reconstruct import Reconstructor
from codec_bench.coding.rows import Row
from codec_bench.coding.signals import load_signal
from codec_bench.metrics import Metric
from codec_bench.metrics.signal import Feature
from codec_bench.processes.pool import ProcessPool
from codec_bench.reconstruction.engines.engine import T
from codec_bench.reconstruction.models import compute
from codec_bench.reconstruction.worker import SCORER
from codec_bench.records import NotScorable

CODED_AHEAD = 64
"""Pairs that may be coded together: enough for batches of like lengths, few enough that scoring never waits long."""

JOBS_AHEAD = 4
"""Decoded pairs that wait per scoring process."""


class LocalEngine:
    """Does everything on this machine.

    Args:
        cache: Folder of the caches.
        jobs: Scoring processes.
        device: Where codecs and models run.
        timeout: Seconds that scoring one pair may take.
        batch_seconds: Seconds of audio that are coded together; see `Reconstructor`.
    """

    def __init__(
        self, cache: Path, jobs: int, device: str = "auto", timeout: float = 600.0, batch_seconds: float | None = None
    ) -> None:
        self._cache = cache
        self._jobs = jobs
        self._device = device
        self._timeout = timeout
        self.reconstructor = Reconstructor(cache, device, batch_seconds)
        self.seconds: dict[str, float] = {}

    def __enter__(self) -> LocalEngine:
        self._pool = ProcessPool(self._jobs, SCORER, {"cache": str(self._cache)}, self._timeout)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._pool.__exit__(kind, error, tb)
        self.reconstructor.close()

    @property
    def ahead(self) -> int:
        """A few per scoring process."""
        return JOBS_AHEAD * self._jobs

    @cached_property
    def model_device(self) -> str:
        """The device that was asked for, or for `auto` the first GPU."""
        if self._device != "auto":
            return self._device
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    def coded(self, row: Row, tasks: Iterable[T]) -> Iterator[tuple[T, NotScorable | None]]:
        """Codes pairs together where the device makes that worth while; the scoring processes are busy meanwhile.

        What is not coded here is coded when the runner asks the reconstructor for it, one pair at a time.
        """
        for part in parts(tasks, CODED_AHEAD):
            started = time.perf_counter()
            self.reconstructor.prepare(row, [task.item for task in part])
            self.seconds["coding"] = self.seconds.get("coding", 0.0) + time.perf_counter() - started
            for task in part:
                yield task, None

    def free_codecs(self) -> None:
        """Frees the loaded codec."""
        self.reconstructor.close()

    def submit(self, job: Mapping[str, Any]) -> Future[dict[str, Any]]:
        """Queues a pair for the scoring processes."""
        return self._pool.submit(job)

    def apply(self, metric: Metric, feature: Feature, rate: int, sources: Iterable[Mapping[str, Any]]) -> None:
        """Applies the model in this process."""
        audio, features = ArrayCache(self._cache / "audio"), ArrayCache(self._cache / "features")
        compute(feature, rate, sources, lambda source: load_signal(source, audio), features, self.model_device)
