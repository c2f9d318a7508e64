"""What a run asks of an engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from codec_bench.adapters.systems import System
from codec_bench.cache import ArrayCache
from codec_bench.coding.dispatch import Coders, Dispatcher
from codec_bench.coding.signals import load_signal
from codec_bench.metrics import Metric
from codec_bench.metrics.model import free_models
from codec_bench.metrics.signal import Feature
from codec_bench.reconstruction.config import RunConfig
from codec_bench.reconstruction.models import Told, compute


class Engine(ABC):
    """Codes, scores and applies models, wherever that is; the results come into the caches of this machine.

    Args:
        config: Options of the run.
        cache: Folder of the caches.
        coders: Processes that code.

    Attributes:
        coding: Has recordings coded.
    """

    def __init__(self, config: RunConfig, cache: Path, coders: Coders) -> None:
        self._config = config
        self._cache = cache
        self._audio = ArrayCache(cache / "audio")
        self._features = ArrayCache(cache / "features")
        self.coding = Dispatcher(cache, coders)

    def identify(self, systems: Sequence[System]) -> list[str]:
        """Finds out what plug-ins hold, for their addresses; see `Dispatcher.identify`. Before anything else."""
        return self.coding.identify(systems)

    @abstractmethod
    def __enter__(self) -> Engine:
        """Starts what is needed."""

    @abstractmethod
    def __exit__(self, *_: object) -> None:
        """Ends all processes; what is not done is dropped."""

    @property
    @abstractmethod
    def ahead(self) -> int:
        """Decoded pairs that may wait for their scores: enough to keep all busy, few enough to bound memory."""

    @property
    @abstractmethod
    def model_device(self) -> str:
        """Where learned models of metrics are applied: `cpu`, or a GPU."""

    def free_codecs(self) -> None:
        """All pairs are coded: scoring, and the models of metrics, get the room of the codecs."""
        self.coding.close()

    @abstractmethod
    def submit(self, job: Mapping[str, Any], attempts: int) -> Future[dict[str, Any]]:
        """Queues a pair for scoring; see `reconstruction.worker.Scorer.answer` for the job and the reply.

        Args:
            job: The pair.
            attempts: How often it is tried while its process dies of it.
        """

    def apply(
        self, metric: Metric, feature: Feature, rate: int, sources: Iterable[Mapping[str, Any]], told: Told
    ) -> None:
        """Applies a learned model to all signals that the cache of features lacks it for: `reconstruction.models`.

        Raises:
            UnavailableError: An extra or a file is missing.
        """
        load = partial(load_signal, cache=self._audio)
        try:
            compute(feature, rate, sources, load, self._features, self.model_device, told)
        finally:
            free_models()
