"""Metrics that end or hang the processes that score: tried apart from others, and given up."""

from __future__ import annotations

from collections.abc import Mapping

from codec_bench.coding.dispatch import MAX_LOST
from codec_bench.metrics import Metric
from codec_bench.processes.process import ProcessCrash, WorkerError
from codec_bench.records import NotScorable, Status

Group = dict[str, Metric]
"""Metrics that are asked for together, by the address of their score."""


class Losses:
    """What was lost to metrics so far.

    One that was lost with others is asked for apart from them until it comes back, and for good if it is lost by
    itself. One that loses `MAX_LOST` utterances of a system in a row is given up for it: they are not to blame.
    """

    def __init__(self) -> None:
        self._suspects: dict[str, bool] = {}  # whether it was lost by itself
        self._in_a_row: dict[tuple[str, str], int] = {}
        self._given_up: dict[tuple[str, str], NotScorable] = {}

    def given_up(self, system: str, metric: Metric) -> NotScorable | None:
        """Why a metric is not asked for."""
        return self._given_up.get((system, metric.label))

    def groups(self, system: str, missing: Mapping[str, Metric]) -> list[Group]:
        """How metrics are asked for; if all were given up, none, for the sake of the facts about the signals."""
        wanted = {key: metric for key, metric in missing.items() if self.given_up(system, metric) is None}
        alone = [{key: metric} for key, metric in wanted.items() if metric.label in self._suspects]
        together = {key: metric for key, metric in wanted.items() if metric.label not in self._suspects}
        return [together, *alone] if together or not alone else alone

    def apart(self, missing: Mapping[str, Metric]) -> list[Group]:
        """How metrics are asked for again that were lost together: those of the user each by itself, or else all."""
        own = [{key: metric} for key, metric in missing.items() if metric.code]
        rest = {key: metric for key, metric in missing.items() if not metric.code}
        groups = [rest, *own] if own and rest else [{key: metric} for key, metric in missing.items()]
        for group in groups:
            if len(group) == 1:
                self._suspects |= {metric.label: False for metric in group.values()} | self._suspects
        return groups

    def scored(self, system: str, metrics: Mapping[str, Metric]) -> None:
        """Notes that metrics came back."""
        for metric in metrics.values():
            self._in_a_row.pop((system, metric.label), None)
            if not self._suspects.get(metric.label, True):
                del self._suspects[metric.label]

    def lose(self, system: str, metric: Metric, error: ProcessCrash | WorkerError) -> NotScorable:
        """Notes that a metric by itself lost an utterance; says why."""
        key = system, metric.label
        if isinstance(error, WorkerError):
            self._in_a_row.pop(key, None)
            return NotScorable(str(error), Status.ERROR)
        self._suspects[metric.label] = True
        self._in_a_row[key] = self._in_a_row.get(key, 0) + 1
        if self._in_a_row[key] == MAX_LOST:
            reason = f"{metric.label} is given up for {system}: it lost {MAX_LOST} utterances in a row"
            self._given_up[key] = NotScorable(f"{reason}; the last time {error}", Status.CRASHED)
        return NotScorable(str(error), Status.CRASHED)
