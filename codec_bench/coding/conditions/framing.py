"""How much of the signal is coded at once: pieces of recordings, and recordings joined."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from codec_bench.audio import Audio, FloatArray, length_at
from codec_bench.coding.conditions.condition import Condition, Piece, Read
from codec_bench.coding.signals import load_recording
from codec_bench.fingerprint import address
from codec_bench.records import NotScorable, Status

if TYPE_CHECKING:
    from codec_bench.coding.items import Item


GRID = 50
"""Cuts lie on multiples of 1/50 s, which is a whole number of samples at every usual rate: a decoded piece that began
between two samples would be shifted against its recording."""


@dataclass(frozen=True)
class Segmented(Condition):
    """`segment@SECONDS`: consecutive pieces, each coded on its own as if nothing had been before.

    The decoded pieces are joined without overlap, and metrics see whole utterances. A last piece that is shorter than a
    fifth of the length is part of the one before. Bits and seconds are the sums.
    """

    name = "segment"
    takes = "a length in seconds, in steps of 0.02,"
    low = 0.1
    high = 600.0

    @property
    def note(self) -> str:
        """What was done."""
        return f"pieces of {self.value:g} s, each coded on its own, joined before scoring"

    def bounds(self, samples: int, rate: int) -> list[tuple[int, int]]:
        """First sample and end of each piece of a recording."""
        count = max(1, math.ceil(samples / (self.value * rate)))
        starts = [round(i * self.value * rate) for i in range(count)]
        if count > 1 and samples - starts[-1] < 0.2 * self.value * rate:
            del starts[-1]
        return list(zip(starts, [*starts[1:], samples], strict=True))

    def pieces(self, item: Item, read: Read) -> list[Piece]:
        """The pieces in their order."""
        audio = read(item)
        bounds = self.bounds(len(audio), audio.rate)
        if len(bounds) == 1:
            return [Piece(item.digest, lambda: audio)]

        def piece(start: int, stop: int) -> Piece:
            place = address(recording=item.digest, start=start, stop=stop)
            return Piece(place, lambda: Audio(audio.samples[start:stop], audio.rate))

        return [piece(start, stop) for start, stop in bounds]

    def assembled(self, item: Item, decoded: Sequence[Audio]) -> Audio:
        """The decoded pieces one after the other."""
        return Audio(np.concatenate([audio.samples for audio in decoded]), decoded[0].rate)


@dataclass(frozen=True)
class JoinedRecordings:
    """Recordings that are coded as one.

    Attributes:
        items: The utterances in their order.
        samples: Length of each recording.
        rate: Sampling rate of all of them in Hz.
    """

    items: tuple[Item, ...]
    samples: tuple[int, ...]
    rate: int

    @property
    def seconds(self) -> float:
        """What they last together, without the zeros between them."""
        return sum(self.samples) / self.rate

    @cached_property
    def address(self) -> str:
        """Content address; that of the recording where it is alone."""
        if len(self.items) == 1:
            return self.items[0].digest
        return address(joined=[item.digest for item in self.items], grid=GRID)

    @property
    def starts(self) -> list[int]:
        """First sample of each recording; zeros fill up to the grid."""
        step = self.rate // math.gcd(self.rate, GRID)
        padded = [-(-n // step) * step for n in self.samples]
        return list(accumulate(padded[:-1], initial=0))

    def audio(self, read: Read) -> Audio:
        """The recordings one after the other."""
        joined: FloatArray = np.zeros(self.starts[-1] + self.samples[-1], np.float32)
        for item, start, length in zip(self.items, self.starts, self.samples, strict=True):
            found = read(item)
            if (len(found), found.rate) != (length, self.rate):
                raise NotScorable(f"{item.utterance.path} changed during the run", Status.CHANGED)
            joined[start : start + length] = found.samples
        return Audio(joined, self.rate)

    def cut(self, index: int, decoded: Audio) -> Audio:
        """The part of the decoded audio that is one recording's."""
        start, stop = self.starts[index], self.starts[index] + self.samples[index]
        first, end = (length_at(n, self.rate, decoded.rate) for n in (start, stop))
        return Audio(np.ascontiguousarray(decoded.samples[first:end]), decoded.rate)


@dataclass(frozen=True)
class Concatenated(Condition):
    """`concat@SECONDS`: recordings are joined until they last so long, coded as one, and cut apart again.

    They are joined in the order of their ids within a speaker (all of unknown speaker count as one) and a sampling
    rate; what is left over at the end of a speaker belongs to the last group. Zeros fill each up to a multiple of
    0.02 s (0.04 s at 11025 Hz), so that every cut falls on a whole sample. Each utterance is scored on its own; bits
    and seconds are shared in proportion to length. The groups depend on the utterances of the run.

    Attributes:
        groups: By utterance id, with the place in the group.
        unusable: Recordings that are in no group, by utterance id.
    """

    name = "concat"
    takes = "a length in seconds"
    low = 1.0
    high = 3600.0

    groups: Mapping[str, tuple[JoinedRecordings, int]] = field(default_factory=dict)
    unusable: Mapping[str, NotScorable] = field(default_factory=dict)

    @property
    def note(self) -> str:
        """What was done."""
        return f"utterances of one speaker joined to {self.value:g} s or more, coded as one, cut apart before scoring"

    def describe(self) -> dict[str, Any]:
        """The condition as `run.json` keeps it, with the ids of each group."""
        groups = {group.address: [i.utterance.id for i in group.items] for group, _ in self.groups.values()}
        return super().describe() | {"groups": list(groups.values())}

    def bound(self, items: Sequence[Item]) -> Concatenated:
        """Forms the groups, for which every recording is read once."""
        lengths: dict[str, tuple[int, int]] = {}
        unusable: dict[str, NotScorable] = {}
        for item in items:
            try:
                audio = load_recording(item)
                audio.check("the recording")
                lengths[item.utterance.id] = (len(audio), audio.rate)
            except NotScorable as outcome:
                unusable[item.utterance.id] = outcome
        chains: dict[tuple[str, int], list[Item]] = {}
        for item in sorted(items, key=lambda i: i.utterance.id):
            if item.utterance.id in lengths:
                rate = lengths[item.utterance.id][1]
                chains.setdefault((item.utterance.speaker or "", rate), []).append(item)
        found = [
            JoinedRecordings(tuple(group), tuple(lengths[i.utterance.id][0] for i in group), rate)
            for (_, rate), chain in chains.items()
            for group in self._split(chain, [lengths[i.utterance.id][0] / rate for i in chain])
        ]
        groups = {item.utterance.id: (group, i) for group in found for i, item in enumerate(group.items)}
        return replace(self, groups=groups, unusable=unusable)

    def _split(self, chain: Sequence[Item], seconds: Sequence[float]) -> list[list[Item]]:
        """Groups that last long enough, as far as there is enough."""
        groups: list[list[Item]] = [[]]
        total = 0.0
        for item, length in zip(chain, seconds, strict=True):
            if total >= self.value:
                groups.append([])
                total = 0.0
            groups[-1].append(item)
            total += length
        if total < self.value and len(groups) > 1:
            rest = groups.pop()
            groups[-1] += rest
        return groups

    def _place(self, item: Item) -> tuple[JoinedRecordings, int]:
        name = item.utterance.id
        if name in self.unusable:
            raise NotScorable(self.unusable[name].reason, self.unusable[name].status)
        return self.groups[name]

    def address(self, item: Item) -> str:
        """Content address of the group and the place in it."""
        group, index = self._place(item)
        return group.address if len(group.items) == 1 else address(cut_from=group.address, index=index)

    def pieces(self, item: Item, read: Read) -> list[Piece]:
        """The group, the same piece for each of its utterances."""
        group, _ = self._place(item)
        return [Piece(group.address, lambda: group.audio(read))]

    def assembled(self, item: Item, decoded: Sequence[Audio]) -> Audio:
        """The utterance's part of the group."""
        group, index = self._place(item)
        return group.cut(index, decoded[0])

    def share(self, item: Item) -> float:
        """The utterance's part of the length of the group."""
        group, index = self._place(item)
        return group.samples[index] / sum(group.samples)
