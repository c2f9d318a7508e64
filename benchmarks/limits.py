"""What a benchmark promises: a measured figure beside its limit, and whether it holds."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Limit:
    """A figure with its limit.

    Attributes:
        what: What was measured, in words.
        value: The figure; a ratio of two things measured in turns wherever that is possible, since machines differ.
        limit: What it shall be.
        unit: Of both: `x`, `s`, `ms`, `%`.
        at_least: Whether more is better.
    """

    what: str
    value: float
    limit: float
    unit: str = "x"
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the limit is kept."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def publish(benchmark: str, limits: list[Limit], **facts: Any) -> None:
    """Prints what a benchmark found as one line of JSON, which `benchmarks/side_by_side.py` reads.

    Args:
        benchmark: Its name, in words.
        limits: Figures with limits.
        **facts: What else was measured.
    """
    print(json.dumps({"benchmark": benchmark, **facts, "limits": [asdict(limit) for limit in limits]}), flush=True)
