"""Counts how often each of any number of keys occurs, in bounded memory and without loss.

What does not fit lies on the disk as sorted runs, which are merged block by block at the end. What is asked of them is
their spectrum alone: how many keys occur once, twice, and so on. Rank-frequency curves, entropies and numbers of types
follow from it, and it is small: n occurrences have at most sqrt(2 n) different counts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from codec_bench.files import write_error

IntArray = NDArray[np.int64]
Keys = NDArray[np.uint64]

MEMORY = 1 << 18
"""Keys that a counter holds before it writes a run; each takes 16 bytes, and a few times that while they are sorted."""

RUNS = 24
"""Runs on the disk that are merged into one before there are more."""


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


class _SortedKeys(Protocol):
    """Sorted different keys with their counts."""

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> tuple[Keys, IntArray]:
        """Those from one place to before another, or to the end."""
        ...


@dataclass(frozen=True)
class _Held:
    """In memory."""

    keys: Keys
    counts: IntArray

    def __len__(self) -> int:
        return len(self.keys)

    def read(self, start: int, stop: int) -> tuple[Keys, IntArray]:
        return self.keys[start:stop], self.counts[start:stop]


@dataclass(frozen=True)
class _Run:
    """On the disk: records of a key and its count. No file stays open, and nothing is mapped into memory."""

    path: Path
    length: int

    def __len__(self) -> int:
        return self.length

    def read(self, start: int, stop: int) -> tuple[Keys, IntArray]:
        wanted = max(0, min(stop, self.length) - start)
        found = np.fromfile(self.path, _RECORD, wanted, offset=start * _RECORD.itemsize)
        return found["key"].copy(), found["count"].copy()


_RECORD = np.dtype([("key", np.uint64), ("count", np.int64)])


class KeyCounter:
    """Counts 64-bit keys.

    Args:
        memory: Keys that are held before a run is written to the disk.
        folder: Where the temporary folder for runs is made; the system's by default.
    """

    def __init__(self, memory: int = MEMORY, folder: Path | None = None) -> None:
        self._memory = memory
        self._where = folder
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._runs: list[_Run] = []
        self._written = 0
        self._chunks: list[_Held] = []
        self._held = 0
        self._raw: list[Keys] = []
        self._waiting = 0

    def add(self, keys: Keys) -> None:
        """Counts each key once for each time that it is in `keys`, uint64 `[n]`."""
        for start in range(0, len(keys), self._memory):
            part = keys[start : start + self._memory]
            self._raw.append(part)
            self._waiting += len(part)
            if self._waiting >= max(1, self._memory // 4):
                self._sort()

    def merge(self, other: KeyCounter) -> None:
        """Adds what another counter has counted, which stays as it is."""
        for part in other._parts():
            for start in range(0, len(part), self._memory):
                self._hold(_Held(*part.read(start, start + self._memory)))

    def spectrum(self) -> Spectrum:
        """How many keys have which count."""
        found: dict[int, int] = {}
        for block in _merged(self._parts(), self._memory):
            values, types = np.unique(block.counts, return_counts=True)
            for value, number in zip(values.tolist(), types.tolist(), strict=True):
                found[value] = found.get(value, 0) + number
        counts = np.array(sorted(found, reverse=True), np.int64)
        return Spectrum(counts, np.array([found[c] for c in counts.tolist()], np.int64))

    def close(self) -> None:
        """Removes what lies on the disk."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
            self._runs = []

    def _sort(self) -> None:
        """Counts the keys that wait."""
        if self._raw:
            keys, counts = np.unique(np.concatenate(self._raw), return_counts=True)
            self._raw, self._waiting = [], 0
            self._hold(_Held(keys, counts.astype(np.int64)))

    def _hold(self, part: _Held) -> None:
        """Keeps sorted keys with their counts, and makes room where there are too many."""
        self._chunks.append(part)
        self._held += len(part)
        if self._held < self._memory:
            return
        merged = _summed(self._chunks)
        if len(merged) <= self._memory // 2:  # mostly the same keys: there is room for more
            self._chunks, self._held = [merged], len(merged)
            return
        self._runs.append(self._written_run([merged]))
        self._chunks, self._held = [], 0
        if len(self._runs) >= RUNS:
            merged_run = self._written_run(_merged(self._runs, self._memory))
            for run in self._runs:
                with suppress(OSError):
                    run.path.unlink()
            self._runs = [merged_run]

    def _written_run(self, blocks: Iterable[_Held]) -> _Run:
        """Writes sorted blocks one after the other."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="codec-bench-keys-", dir=self._where)
        path = Path(self._folder.name) / f"{self._written:06d}.run"
        self._written += 1
        length = 0
        try:
            with path.open("wb") as file:
                for block in blocks:
                    records = np.empty(len(block), _RECORD)
                    records["key"], records["count"] = block.keys, block.counts
                    file.write(records.tobytes())
                    length += len(block)
        except OSError as error:
            raise write_error(path, error) from error
        return _Run(path, length)

    def _parts(self) -> list[_SortedKeys]:
        """Everything that was counted, in parts whose keys are sorted."""
        self._sort()
        return [*([_summed(self._chunks)] if self._chunks else []), *self._runs]


def _merged(parts: Sequence[_SortedKeys], memory: int) -> Iterator[_Held]:
    """All keys in their order with the sums of their counts, block by block."""
    places = [0] * len(parts)
    size = max(256, memory // max(1, len(parts)))
    while True:
        blocks = {i: parts[i].read(places[i], places[i] + size) for i in range(len(parts)) if places[i] < len(parts[i])}
        if not blocks:
            return
        # Up to the smallest key with which a block ends, no part can have more than what its block shows.
        last = min(keys[-1] for keys, _ in blocks.values())
        taken = []
        for i, (keys, counts) in blocks.items():
            stop = int(np.searchsorted(keys, last, side="right"))
            taken.append(_Held(keys[:stop], counts[:stop]))
            places[i] += stop
        yield _summed(taken)


def _summed(parts: Sequence[_Held]) -> _Held:
    """Sorted keys of several parts with the sums of their counts."""
    if len(parts) == 1:
        return parts[0]
    keys = np.concatenate([part.keys for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    order = np.argsort(keys, kind="stable")
    keys, counts = keys[order], counts[order]
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(keys)), bool), keys[1:] != keys[:-1]]))
    return _Held(keys[starts], np.add.reduceat(counts, starts) if len(starts) else counts)
