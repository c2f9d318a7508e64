"""A part of a data set: its first utterances, or a sample that is balanced over the speakers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from codec_bench.files import digest


class Spoken(Protocol):
    """What must be known of an utterance for a sample to be drawn."""

    @property
    def id(self) -> str:
        """Unique in the data set."""

    @property
    def speaker(self) -> str | None:
        """Speaker label, or None if unknown."""

    @property
    def labels(self) -> Mapping[str, str]:
        """What else is said of it."""


def undivided(labels: Mapping[str, str]) -> str:
    """The whole data set is one part."""
    return ""


@dataclass(frozen=True)
class Part:
    """Which utterances are taken: all, the first `limit`, or a sample.

    A sample has one utterance of every speaker before it has a second one of any, and so on; a speaker who has no more
    is passed over, and an utterance of unknown speaker is one of their own. Whose turn comes first, and which utterance
    it brings, a hash of the seed and the names decides. So a sample depends neither on the order of the data set nor on
    how names sort; it holds every smaller one of the same seed; and of a data set that lacks an utterance it is the
    same but for that one.

    Attributes:
        limit: How many of the first ones; None for no limit.
        sample: How many are drawn; None for no sample.
        seed: Seed of the draw.
        division: What part of the data set an utterance is of, by its labels, where a sample shall have the shares of
            these: each is sampled by itself. The parts have one utterance each before any has a second one; then they
            grow by Sainte-Laguë's rule (Webster 1832), under which no share falls as the sample grows.
    """

    limit: int | None = None
    sample: int | None = None
    seed: int = 0
    division: Callable[[Mapping[str, str]], str] = undivided

    def places(self, utterances: Sequence[Spoken]) -> list[int]:
        """Places of what is taken, in the order of the data set."""
        if self.sample is None or self.sample >= len(utterances):
            return list(range(len(utterances)))[: self.limit]
        divisions: dict[str, list[int]] = {}
        for place, utterance in enumerate(utterances):
            divisions.setdefault(self.division(utterance.labels), []).append(place)
        shares = _shares({name: len(members) for name, members in divisions.items()}, self.sample)
        return sorted(
            members[turn]
            for name, members in divisions.items()
            for turn in turns([utterances[place] for place in members], self.seed)[: shares[name]]
        )

    def describe(self, utterances: Sequence[Spoken]) -> dict[str, Any]:
        """What a sample was drawn from, as `run.json` keeps it; empty where everything was taken, or the first ones."""
        if self.sample is None or self.sample >= len(utterances):
            return {}
        return {"sample": {"of": len(utterances), "speakers_of": len(speakers_of(utterances)), "seed": self.seed}}

    def warning(self, utterances: Sequence[Spoken]) -> str:
        """What must be known of a limit that cuts the data set; empty where nothing is cut, or there is one speaker."""
        everyone = speakers_of(utterances)
        if self.limit is None or self.limit >= len(utterances) or len(everyone) < 2:
            return ""
        return (
            f"the first {self.limit} of {len(utterances)} utterances are no sample of the speakers: they hold "
            f"{len(speakers_of(utterances[: self.limit]))} of {len(everyone)}; use --sample {self.limit}"
        )


def turns(utterances: Sequence[Spoken], seed: int) -> list[int]:
    """Places in the order in which a sample takes them; see `Part`."""
    drawn = sorted(range(len(utterances)), key=lambda place: _number(seed, "utterance", utterances[place].id))
    taken: Counter[str] = Counter()
    order = []
    for place in drawn:
        name = utterances[place].speaker
        number = _number(seed, "speaker", name) if name else _number(seed, "utterance", utterances[place].id)
        order.append((taken[number], number, place))
        taken[number] += 1
    return [place for _, _, place in sorted(order)]


def speakers_of(utterances: Sequence[Spoken]) -> set[str]:
    """The speakers that are known."""
    return {utterance.speaker for utterance in utterances if utterance.speaker}


def _shares(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """How many of `count` each part gets, by its size."""
    shares = dict.fromkeys(sorted(sizes), 0)
    for _ in range(count):
        most = max(shares, key=lambda name: (not shares[name], sizes[name] / (2 * shares[name] + 1)))
        shares[most] += 1
    return shares


def _number(seed: int, *parts: str) -> str:
    """A number drawn for a name: the same for ever, on any machine."""
    return digest("\0".join([str(seed), *parts]).encode())
