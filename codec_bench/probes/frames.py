"""Frames: what a probe sees of an utterance, made once and kept, and where they come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.cache import ArrayCache
from codec_bench.coding.conditions import Clean
from codec_bench.coding.items import Item
from codec_bench.coding.rows import Row
from codec_bench.errors import CodecBenchError
from codec_bench.fingerprint import address
from codec_bench.records import NotScorable

VERSION = 1
"""Raised whenever frames of the same recording change."""


@dataclass(frozen=True)
class Frames:
    """An utterance as a probe sees it.

    Attributes:
        values: int64 `[frames, codebooks]`, or float32 `[frames, dimension]`.
        rate: Frames per second.
        sizes: Entries of each codebook; empty for numbers.
    """

    values: NDArray[Any]
    rate: float
    sizes: tuple[int, ...] = ()

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays for the cache."""
        return {"values": self.values, "rate": np.array(self.rate), "sizes": np.array(self.sizes, np.int64)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Frames:
        """The inverse of `to_arrays`."""
        return cls(arrays["values"], float(arrays["rate"]), tuple(arrays["sizes"].tolist()))


class KeptFrames:
    """Frames from a cache, those read last in memory: all trainings of a row, of whatever task, fold, rate and seed,
    read the same recordings.

    Nobody writes into them.
    """

    BYTES = 1 << 28

    def __init__(self, cache: ArrayCache) -> None:
        self._cache = cache
        self._kept: dict[str, Frames] = {}
        self._bytes = 0

    def get(self, place: str, name: str) -> Frames:
        """The frames at an address, of the utterance `name`.

        Raises:
            CodecBenchError: The cache has lost them.
        """
        if place in self._kept:
            return self._kept[place]
        entry = self._cache.get(place)
        if entry is None:
            raise CodecBenchError(f"the frames of {name} were lost from the cache; run again")
        found = self._kept[place] = Frames.from_arrays(entry)
        self._bytes += found.values.nbytes
        while self._bytes > self.BYTES:
            self._bytes -= self._kept.pop(next(iter(self._kept))).values.nbytes
        return found


def altered_by(row: Row | None) -> dict[str, str]:
    """What fingerprints hold besides where recordings are altered; nothing otherwise."""
    return {} if row is None or isinstance(row.condition, Clean) else {"condition": row.condition.fingerprint}


@dataclass(frozen=True)
class Extracted:
    """The frames of a data set: where the cache keeps them, by utterance, and why others could not be had."""

    addresses: dict[str, str]
    failed: dict[str, NotScorable]


class FrameSource(ABC):
    """A row of a probe's table: where its frames come from.

    Attributes:
        label: Label of the row.
        fingerprint: Content address of everything that decides the frames, given the recording.
    """

    def __init__(self, label: str, fingerprint: str) -> None:
        self.label = label
        self.fingerprint = fingerprint

    @abstractmethod
    def frames(self, item: Item) -> Frames:
        """The frames of an utterance.

        Raises:
            NotScorable: They cannot be obtained; the status says why.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """The row as `run.json` keeps it; see `describe_system`."""

    def address(self, item: Item) -> str:
        """Where the cache keeps the frames of an utterance."""
        return address(probe_frames=VERSION, source=self.fingerprint, recording=item.identity)

    def keep(self, item: Item, cache: ArrayCache) -> None:
        """Makes the frames of an utterance, and puts them into the cache; raises as `frames` does."""
        cache.put(self.address(item), self.frames(item).to_arrays())

    def extract(
        self, items: Sequence[Item], cache: ArrayCache, advance: Callable[[], None] = lambda: None
    ) -> Extracted:
        """Makes the frames that the cache lacks; `advance` is called after each utterance."""
        failed: dict[str, NotScorable] = {}
        lacking = []
        for item in items:
            if item.problem:
                failed[item.utterance.id] = NotScorable(item.problem, item.status)
            elif cache.get(self.address(item)) is None:
                lacking.append(item)
                continue
            advance()
        for item, problem in self.prepared(lacking):
            try:
                if problem is not None:
                    raise problem
                self.keep(item, cache)
            except NotScorable as outcome:
                failed[item.utterance.id] = outcome
            advance()
        names = {item.utterance.id: item for item in items}
        return Extracted(
            {name: self.address(item) for name, item in names.items() if name not in failed},
            {name: failed[name] for name in names if name in failed},
        )

    def prepared(self, items: Iterable[Item]) -> Iterator[tuple[Item, NotScorable | None]]:
        """Each utterance, in any order, when what takes long is done for `keep`; and why it could not be done."""
        for item in items:
            yield item, None
