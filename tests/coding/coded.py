"""What tests of coding share: tasks, and why some of them could not be coded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from codec_bench.coding.dispatch import Dispatcher
from codec_bench.coding.items import Item
from codec_bench.coding.rows import Row
from codec_bench.records import NotScorable


@dataclass(frozen=True)
class Task:
    item: Item


def problems(coding: Dispatcher, row: Row, items: Iterable[Item]) -> dict[str, NotScorable]:
    """Codes utterances together; why some could not be coded, by id."""
    found = coding.coded(row, [Task(item) for item in items])
    return {task.item.utterance.id: problem for task, problem in found if problem is not None}
