"""What a run found, kept small: a run may have millions of scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from codec_bench.records import Score, Status

V = TypeVar("V")

_STATUSES = tuple(Status)
_NUMBER = {status: number for number, status in enumerate(_STATUSES)}
_NONE = 255


class Scores:
    """Scores by system label, utterance id and metric label; 33 bytes each, and the reason where there is no value."""

    def __init__(self, systems: Sequence[str], utterances: Sequence[str], metrics: Sequence[str]) -> None:
        self._systems, self._utterances, self._metrics = (_places(n) for n in (systems, utterances, metrics))
        shape = (len(self._systems), len(self._metrics), len(self._utterances))
        self._status = np.full(shape, _NONE, np.uint8)
        self._numbers = np.zeros((4, *shape))  # numerator, denominator, scale, seconds
        self._reasons: dict[tuple[int, int, int], str] = {}

    def _at(self, key: tuple[str, str, str]) -> tuple[int, int, int]:
        system, utterance, metric = key
        return self._systems[system], self._metrics[metric], self._utterances[utterance]

    def __getitem__(self, key: tuple[str, str, str]) -> Score:
        at = self._at(key)
        number = int(self._status[at])
        if number == _NONE:
            raise KeyError(key)
        numerator, denominator, scale, seconds = self._numbers[(slice(None), *at)].tolist()
        return Score(_STATUSES[number], self._reasons.get(at, ""), numerator, denominator, scale, seconds)

    def __setitem__(self, key: tuple[str, str, str], score: Score) -> None:
        at = self._at(key)
        self._status[at] = _NUMBER[score.status]
        self._numbers[(slice(None), *at)] = score.numerator, score.denominator, score.scale, score.seconds
        if score.reason:
            self._reasons[at] = score.reason
        else:
            self._reasons.pop(at, None)

    def column(self, system: str, metric: str) -> dict[str, Any]:
        """All scores of a system by one metric, in the order of the utterances.

        Returns:
            `status` and `reason` as lists; `numerator`, `denominator`, `scale` and `seconds` as float64 arrays.
        """
        s, m = self._systems[system], self._metrics[metric]
        numbers = dict(zip(("numerator", "denominator", "scale", "seconds"), self._numbers[:, s, m], strict=True))
        status = [_STATUSES[number] for number in self._status[s, m].tolist()]
        reasons = [self._reasons.get((s, m, u), "") for u in range(len(status))]
        return {"status": status, "reason": reasons, **numbers}


class Pairs(Generic[V]):
    """A value by system label and utterance id."""

    def __init__(self, systems: Sequence[str], utterances: Sequence[str]) -> None:
        self._systems, self._utterances = _places(systems), _places(utterances)
        self._values: list[list[V | None]] = [[None] * len(self._utterances) for _ in self._systems]

    def __getitem__(self, key: tuple[str, str]) -> V:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: tuple[str, str], value: V) -> None:
        self._values[self._systems[key[0]]][self._utterances[key[1]]] = value

    def get(self, key: tuple[str, str]) -> V | None:
        """The value, or None if there is none."""
        return self._values[self._systems[key[0]]][self._utterances[key[1]]]

    def of(self, system: str) -> Iterator[tuple[str, V]]:
        """Ids and values of a system, in the order of the utterances."""
        for name, value in zip(self._utterances, self._values[self._systems[system]], strict=True):
            if value is not None:
                yield name, value


class Facts:
    """What is known about each reconstruction, as the store keeps it: JSON takes a fifth of what dictionaries take."""

    def __init__(self, systems: Sequence[str], utterances: Sequence[str]) -> None:
        self._texts: Pairs[bytes] = Pairs(systems, utterances)

    def __getitem__(self, key: tuple[str, str]) -> dict[str, Any]:
        """The facts of a pair; empty if there are none."""
        text = self._texts.get(key)
        found: dict[str, Any] = {} if text is None else json.loads(text)
        return found

    def __setitem__(self, key: tuple[str, str], facts: Mapping[str, Any]) -> None:
        self._texts[key] = json.dumps(facts, allow_nan=False).encode()

    def of(self, system: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Ids and facts of a system, in the order of the utterances; a pair without any is left out."""
        for name, text in self._texts.of(system):
            if facts := json.loads(text):
                yield name, facts


class Outcome:
    """What a run found.

    Attributes:
        scores: By system label, utterance id and metric label.
        facts: What is known about each reconstruction, by system label and utterance id.
        decoded: Content address of each decoded signal, by system label and utterance id.
        references: Content address of what it was compared with.
        scored: Scores that were computed now.
        reused: Scores that the cache had.
        seconds: Wall time of this invocation, and the time spent per stage summed over processes.
    """

    def __init__(self, systems: Sequence[str], utterances: Sequence[str], metrics: Sequence[str]) -> None:
        self.scores = Scores(systems, utterances, metrics)
        self.facts = Facts(systems, utterances)
        self.decoded: Pairs[str] = Pairs(systems, utterances)
        self.references: Pairs[str] = Pairs(systems, utterances)
        self.scored = 0
        self.reused = 0
        self.seconds: dict[str, float] = {}


def _places(names: Sequence[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(names)}
