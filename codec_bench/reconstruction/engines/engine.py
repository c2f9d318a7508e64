"""What a run asks of an engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Protocol, TypeVar

from codec_bench.coding.items import Item
from codec_bench.coding.reconstruct import Reconstructor
from codec_bench.coding.rows import Row
from codec_bench.metrics import Metric
from codec_bench.metrics.signal import Feature
from codec_bench.records import NotScorable


class Task(Protocol):
    """A pair of a row and an utterance, as the runner keeps it."""

    @property
    def item(self) -> Item:
        """The utterance."""


T = TypeVar("T", bound=Task)


class Engine(Protocol):
    """Codes, scores and applies models, wherever that is; the results come into the caches of this machine.

    Attributes:
        reconstructor: Codes with the caches of this machine.
        seconds: Time that was spent per stage, summed over processes.
    """

    reconstructor: Reconstructor
    seconds: dict[str, float]

    def __enter__(self) -> Engine:
        """Starts what is needed."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Ends all processes; what is not done is dropped."""

    @property
    def ahead(self) -> int:
        """Decoded pairs that may wait for their scores: enough to keep all busy, few enough to bound memory."""

    @property
    def model_device(self) -> str:
        """Where learned models of metrics are applied: `cpu`, or a GPU."""

    def coded(self, row: Row, tasks: Iterable[T]) -> Iterator[tuple[T, NotScorable | None]]:
        """Codes pairs of a row; yields each when its code and decoded audio are in the caches, in any order.

        A pair may come without them where coding it alone, in this process, is what the engine does; one that could
        not be coded elsewhere comes with the reason.
        """

    def free_codecs(self) -> None:
        """All pairs are coded: scoring, and the models of metrics, get the room of the codecs."""

    def submit(self, job: Mapping[str, Any]) -> Future[dict[str, Any]]:
        """Queues a pair for scoring; see `reconstruction.worker.Scorer.answer` for the job and the reply."""

    def apply(self, metric: Metric, feature: Feature, rate: int, sources: Iterable[Mapping[str, Any]]) -> None:
        """Applies a learned model to all signals that the cache of features lacks it for: `reconstruction.models`.

        Raises:
            UnavailableError: An extra or a file is missing.
        """
