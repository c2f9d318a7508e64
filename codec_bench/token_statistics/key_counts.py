"""Counts how often each of any number of keys occurs, in bounded memory and without loss.

What does not fit lies on the disk as sorted runs in one file, which are merged block by block at the end. What is
asked of them is their spectrum alone: how many keys occur once, twice, and so on. Rank-frequency curves, entropies and
numbers of types follow from it, and it is small: n occurrences have at most sqrt(2 n) different counts.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codec_bench.files import write_error
from codec_bench.tokens import IntArray

Keys = NDArray[np.uint64]

MEMORY = 1 << 18
"""Keys that a counter holds before it writes a run; each takes 16 bytes, and a few times that while they are sorted."""

Records = NDArray[np.void]
"""Different keys, sorted, and how often each was counted: `_RECORD` `[n]`."""

_RECORD = np.dtype([("key", np.uint64), ("count", np.int64)])
_RUNS = "keys.run"


@dataclass(frozen=True)
class Spectrum:
    """How many types have which count.

    Attributes:
        counts: int64 `[m]`, falling, all different and positive.
        types: int64 `[m]`, how many types have that count.
    """

    counts: IntArray
    types: IntArray

    @classmethod
    def of(cls, counts: IntArray) -> Spectrum:
        """The spectrum of one count per type; zeros do not count.

        >>> Spectrum.of(np.array([1, 5, 0, 1])).types.tolist()
        [1, 2]
        """
        values, types = np.unique(counts[counts > 0], return_counts=True)
        return cls(values[::-1].astype(np.int64), types[::-1].astype(np.int64))

    @property
    def total(self) -> int:
        """Occurrences of all types."""
        return int(self.counts @ self.types)

    @property
    def distinct(self) -> int:
        """Types."""
        return int(self.types.sum())

    @property
    def entropy_bits(self) -> float:
        """Entropy of the relative frequencies in bits per occurrence, without correction; 0 where there are none."""
        if not len(self.counts):
            return 0.0
        shares = self.counts / self.total
        return max(0.0, float(-(self.types * shares * np.log2(shares)).sum()))

    def without_hapaxes(self) -> Spectrum:
        """Only what occurs more than once."""
        kept = self.counts > 1
        return Spectrum(self.counts[kept], self.types[kept])

    def count_at(self, ranks: IntArray) -> IntArray:
        """The counts of the types at ranks from 1 on, most frequent first."""
        return self.counts[np.searchsorted(np.cumsum(self.types), ranks)]

    def curve(self, points: int = 200) -> Iterator[tuple[int, int]]:
        """Ranks, evenly spread on a logarithmic scale from the first to the last, and their counts."""
        if self.distinct:
            spread = np.round(np.geomspace(1, self.distinct, points)).astype(np.int64)
            ranks = np.unique(np.clip(spread, 1, self.distinct))
            yield from zip(ranks.tolist(), self.count_at(ranks).tolist(), strict=True)


class KeyCounter:
    """Counts 64-bit keys, of which up to `memory` are held before a run is written to the disk."""

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory = memory
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._runs: list[int] = []
        self._held: list[Records] = []
        self._waiting: list[Keys] = []

    def add(self, keys: Keys) -> None:
        """Counts each key once for each time that it is in `keys`, uint64 `[n]`."""
        for start in range(0, len(keys), self._memory):
            self._waiting.append(keys[start : start + self._memory])
            if sum(map(len, self._waiting)) >= max(1, self._memory // 4):
                self._sort()

    def spectrum(self) -> Spectrum:
        """How many keys have which count."""
        found: Counter[int] = Counter()
        for block in _merged(self._parts(), self._memory):
            values, types = np.unique(block["count"], return_counts=True)
            found.update(dict(zip(values.tolist(), types.tolist(), strict=True)))
        counts = sorted(found, reverse=True)
        return Spectrum(np.array(counts, np.int64), np.array([found[count] for count in counts], np.int64))

    def close(self) -> None:
        """Removes what lies on the disk."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder, self._runs = None, []

    def _sort(self) -> None:
        """Counts the keys that wait."""
        if self._waiting:
            keys, counts = np.unique(np.concatenate(self._waiting), return_counts=True)
            self._waiting = []
            records = np.empty(len(keys), _RECORD)
            records["key"], records["count"] = keys, counts
            self._hold(records)

    def _hold(self, records: Records) -> None:
        """Keeps sorted keys with their counts, and makes room where there are too many."""
        self._held.append(records)
        if sum(map(len, self._held)) >= self._memory:
            self._held = [_summed(self._held)]
            if len(self._held[0]) > self._memory // 2:  # else these are mostly the same keys: there is room for more
                self._write(self._held.pop())

    def _write(self, run: Records) -> None:
        """Puts a run behind the others."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="codec-bench-keys-")
        path = Path(self._folder.name, _RUNS)
        try:
            with path.open("ab") as file:
                file.write(run.tobytes())
        except OSError as error:
            raise write_error(path, error) from error
        self._runs.append(len(run))

    def _parts(self) -> list[Records]:
        """Everything that was counted, in parts whose keys are sorted."""
        self._sort()
        held = [_summed(self._held)] if self._held else []
        if self._folder is None:
            return held
        runs = np.asarray(np.memmap(Path(self._folder.name, _RUNS), _RECORD, "r"))
        return [*held, *np.split(runs, np.cumsum(self._runs)[:-1])]


def _merged(parts: Sequence[Records], memory: int) -> Iterator[Records]:
    """All keys in their order with the sums of their counts, block by block."""
    while parts := [part for part in parts if len(part)]:
        size = max(256, memory // len(parts))
        # Up to the smallest key with which a block ends, no part can have more than what its block shows.
        last = min(part["key"][:size][-1] for part in parts)
        stops = [int(np.searchsorted(part["key"][:size], last, side="right")) for part in parts]
        yield _summed([part[:stop] for part, stop in zip(parts, stops, strict=True)])
        parts = [part[stop:] for part, stop in zip(parts, stops, strict=True)]


def _summed(parts: Sequence[Records]) -> Records:
    """Sorted keys of several parts with the sums of their counts."""
    if len(parts) == 1:
        return parts[0]
    records = np.concatenate(parts)
    records = records[np.argsort(records["key"], kind="stable")]
    starts = np.flatnonzero(np.diff(records["key"], prepend=~records["key"][:1]))
    summed = records[starts]
    summed["count"] = np.add.reduceat(records["count"], starts)
    return summed
