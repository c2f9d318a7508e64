"""Frames: what a probe sees of an utterance, made once and kept, and where they come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.cache import ArrayCache
from codec_bench.coding.conditions import Clean
from codec_bench.coding.items import Item
from codec_bench.coding.rows import Row
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
        found = Extracted({}, {})
        for item in items:
            key, name = self.address(item), item.utterance.id
            try:
                if item.problem:
                    raise NotScorable(item.problem, item.status)
                if cache.get(key) is None:
                    self.keep(item, cache)
            except NotScorable as outcome:
                found.failed[name] = outcome
            else:
                found.addresses[name] = key
            advance()
        self.close()
        return found

    def close(self) -> None:
        """Frees what `frames` took."""
