"""What a run asks of an engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from codec_bench.adapters.systems import System
from codec_bench.coding.dispatch import Dispatcher
from codec_bench.metrics import Metric
from codec_bench.metrics.signal import Feature


class Engine(ABC):
    """Codes, scores and applies models, wherever that is; the results come into the caches of this machine.

    Attributes:
        coding: Has recordings coded.
    """

    coding: Dispatcher

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
    def submit(self, job: Mapping[str, Any]) -> Future[dict[str, Any]]:
        """Queues a pair for scoring; see `reconstruction.worker.Scorer.answer` for the job and the reply."""

    @abstractmethod
    def apply(self, metric: Metric, feature: Feature, rate: int, sources: Iterable[Mapping[str, Any]]) -> None:
        """Applies a learned model to all signals that the cache of features lacks it for: `reconstruction.models`.

        Raises:
            UnavailableError: An extra or a file is missing.
        """
