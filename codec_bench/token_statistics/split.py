"""Which utterances a model learns from and which it is tested on; the same for all systems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from codec_bench.coding.items import Item

TEST_SHARE = 0.2
DEVELOPMENT_SHARE = 0.1


@dataclass(frozen=True)
class Split:
    """Indices of utterances, each in an order drawn by chance.

    Attributes:
        train: What a model learns from.
        development: What decides when it has learnt enough; of other speakers than the rest where there are enough.
        test: What it is measured on; of other speakers than the rest.
        unit: `speakers` where they are kept apart, `utterances` where there are too few or they are not known.
    """

    train: tuple[int, ...]
    development: tuple[int, ...]
    test: tuple[int, ...]
    unit: str


def drawn(items: Sequence[Item], limit: int, seed: int, what: str) -> list[int]:
    """Indices of up to `limit` utterances, drawn by their content, so that the order of the data set does not matter.

    Other purposes, which `what` names, draw others.
    """
    order = sorted(range(len(items)), key=lambda i: _number(seed, what, items[i].digest or items[i].utterance.id))
    return order[:limit]


def split_by_speaker(items: Sequence[Item], seed: int, most_train: int, most_test: int) -> Split | None:
    """Divides utterances by speaker, or by utterance where fewer than three speakers are known.

    The development part has a tenth of `most_train`, the utterances to learn from, at most. None for fewer than three
    utterances.
    """
    if len(items) < 3:
        return None
    speakers = {i.utterance.speaker for i in items if i.utterance.speaker}
    unit = "speakers" if len(speakers) >= 3 else "utterances"
    groups: dict[str, list[int]] = {}
    for index in drawn(items, len(items), seed, "split"):
        item = items[index]
        speaker = item.utterance.speaker if unit == "speakers" else None
        groups.setdefault(f"speaker:{speaker}" if speaker else f"utterance:{item.utterance.id}", []).append(index)
    names = sorted(groups, key=lambda name: _number(seed, "speakers", name))
    parts: dict[str, list[int]] = {"test": [], "development": [], "train": []}
    wanted = {"test": TEST_SHARE * len(items), "development": DEVELOPMENT_SHARE * len(items)}
    left = len(names)
    for name in names:
        # The parts that are not filled yet must each be left with a group at least.
        part = "train"
        for candidate, waiting in (("test", 2), ("development", 1)):
            if not parts[candidate] or (len(parts[candidate]) < wanted[candidate] and left > waiting):
                part = candidate
                break
        parts[part] += groups[name]
        left -= 1
    order = {index: place for place, index in enumerate(drawn(items, len(items), seed, "order"))}
    train, development, test = (sorted(parts[p], key=order.__getitem__) for p in ("train", "development", "test"))
    few = max(1, most_train // 10)
    return Split(tuple(train[:most_train]), tuple(development[:few]), tuple(test[:most_test]), unit)


def _number(*parts: object) -> str:
    return sha256("\0".join(map(str, parts)).encode()).hexdigest()
