"""All trainings of a probe run: every row, task, fold and seed, in worker processes, each kept as it is finished."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from codec_bench.coding.items import Item
from codec_bench.probes.frames import Extracted, FrameSource
from codec_bench.probes.problem import Problem, Training, symbols_of
from codec_bench.probes.recipes import Recipe
from codec_bench.probes.splits import Division, Fold
from codec_bench.probes.targets import Targets
from codec_bench.probes.worker import read_result
from codec_bench.processes.pool import ProcessPool
from codec_bench.processes.process import ProcessCrash, WorkerError

logger = logging.getLogger(__name__)

TRAINING = "codec_bench.probes.worker:Trainings"

TIMEOUT = 7 * 86_400.0
"""Seconds that one training may take."""


@dataclass(frozen=True)
class TaskPlan:
    """A task on the data set at hand."""

    recipe: Recipe
    targets: Targets
    division: Division


@dataclass
class Unit:
    """One row, task and fold: the trainings that share a learning rate.

    Attributes:
        chosen: The learning rate.
        candidates: Result of each candidate at the first seed.
        results: By seed.
        reason: Why there are none.
    """

    system: str
    task: TaskPlan
    fold: Fold
    problem: Problem | None
    chosen: float | None = None
    candidates: dict[float, dict[str, Any]] = field(default_factory=dict)
    results: dict[int, dict[str, Any]] = field(default_factory=dict)
    reason: str = ""


class Study:
    """Carries out the trainings; the learning rate is chosen with the first of the seeds."""

    def __init__(self, tasks: Sequence[TaskPlan], seeds: Sequence[int], cache: Path, jobs: int, device: str) -> None:
        self.tasks = tasks
        self.seeds = tuple(seeds)
        self.units: list[Unit] = []
        self.trained = 0
        self.reused = 0
        self._cache = cache
        self._device = device
        self._pool = ProcessPool(jobs, TRAINING, {"cache": str(cache)}, TIMEOUT)
        self._waiting: dict[Future[dict[str, Any]], tuple[Unit, float, int]] = {}

    def __enter__(self) -> Study:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Ends the processes that train."""
        self._pool.close()

    def add(self, source: FrameSource, extracted: Extracted, variants: Mapping[str, Extracted]) -> None:
        """Begins the trainings of a row, while other rows are encoded; a GPU, which codecs need, is for `run`.

        `variants` are the frames of altered recordings, by kind.
        """
        for task in self.tasks:
            for fold in task.division.folds:
                problem = problem_of(task, fold, extracted, variants)
                reason = "" if problem else "a part of the split has no utterance with usable frames"
                unit = Unit(source.label, task, fold, problem, reason=reason)
                self.units.append(unit)
                if self._device == "cpu":
                    self._begin(unit)

    def trained_on(self, items: Sequence[Item], kind: str) -> list[Item]:
        """The utterances that a task is trained on which has variants of a kind."""
        names = {
            name
            for task in self.tasks
            if task.recipe.augmentation and kind in task.recipe.augmentation.waveform_kinds
            for fold in task.division.folds
            for name in fold.train
        }
        return [item for item in items if item.utterance.id in names]

    @property
    def total(self) -> int:
        """Number of trainings."""
        each = len(self.seeds) - 1
        return sum(len(u.task.recipe.learning_rates) + each for u in self.units if u.problem is not None)

    def run(self, advance: Callable[[], None]) -> None:
        """Trains what no cache has; calls `advance` after each training.

        Raises:
            CodecBenchError: A training cannot be done, e.g. the disk is full.
        """
        if self._device != "cpu":
            for unit in self.units:
                self._begin(unit)
        while self._waiting:
            done, _ = wait(self._waiting, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda f: _order(self._waiting[f])):
                self._finished(future)
                advance()

    def _begin(self, unit: Unit) -> None:
        """Queues a training for each candidate of the learning rate."""
        for rate in unit.task.recipe.learning_rates if unit.problem else ():
            self._submit(unit, rate, self.seeds[0])

    def _finished(self, future: Future[dict[str, Any]]) -> None:
        """Notes the result of a training; with the last candidate, queues those of the other seeds."""
        unit, rate, seed = self._waiting.pop(future)
        first, *others = self.seeds
        try:
            result = future.result()
        except ProcessCrash as crash:
            unit.reason = f"training died twice: {crash}"
            return
        except WorkerError as error:
            unit.reason = f"training failed: {error}"
            return
        if seed != first:
            unit.results[seed] = result
            return
        unit.candidates[rate] = result
        if len(unit.candidates) == len(unit.task.recipe.learning_rates):
            unit.chosen = choose(unit.candidates)
            unit.results[seed] = unit.candidates[unit.chosen]
            for other in others:
                self._submit(unit, unit.chosen, other)

    def _submit(self, unit: Unit, rate: float, seed: int) -> None:
        assert unit.problem is not None, "units without a problem are not trained"
        job = Training(unit.problem, rate, seed, self._device)
        found = read_result(self._cache, job)
        if found is None:
            self.trained += 1
            future = self._pool.submit(asdict(job))
        else:
            self.reused += 1
            future = Future()
            future.set_result(found)
        self._waiting[future] = unit, rate, seed


def _order(key: tuple[Unit, float, int]) -> tuple[str, str, str, float, int]:
    unit, rate, seed = key
    return unit.system, unit.task.recipe.task, unit.fold.name, rate, seed


def choose(candidates: Mapping[float, Mapping[str, Any]]) -> float:
    """The learning rate whose best epoch ranks highest on the development part, of equal ones the lowest."""
    return max(candidates, key=lambda rate: (*candidates[rate]["rank"], -rate))


CHOICE = (
    "best dev score at the first seed (of texts: lowest dev loss), then lowest dev loss, then lowest rate; per row, "
    "task and fold"
)
"""How the learning rate is chosen, for people."""


def problem_of(task: TaskPlan, fold: Fold, extracted: Extracted, variants: Mapping[str, Extracted]) -> Problem | None:
    """The problem of a row at a fold, of the utterances that have frames; None if a part is left without any."""
    recipe, targets = task.recipe, task.targets
    parts = {
        part: tuple(n for n in getattr(fold, part) if n in extracted.addresses) for part in ("train", "dev", "test")
    }
    if not all(parts.values()):
        return None
    used = [name for part in parts.values() for name in part]
    # An unknown class would be an error without a chance; unknown characters are one that recognisers have, too.
    known = parts["train"] if recipe.is_sequence else tuple(targets.of)
    symbols = symbols_of([targets.of[n] for n in known], multi=targets.multi, sequence=recipe.is_sequence)
    kinds = recipe.augmentation.waveform_kinds if recipe.augmentation else ()
    altered = {
        name: tuple(variants[kind].addresses[name] for kind in kinds if name in variants[kind].addresses)
        for name in (parts["train"] if kinds else ())
    }
    return Problem(
        recipe,
        {name: extracted.addresses[name] for name in used},
        {name: targets.of[name] for name in used},
        symbols,
        targets.multi,
        **parts,
        variants=altered,
    )
