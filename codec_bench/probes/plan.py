"""Which tasks are probed on which data sets, what is missing for that, and how each set is divided."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from codec_bench.coding.items import Selection, resolve_items
from codec_bench.datasets.dataset import Access, Dataset, State
from codec_bench.datasets.loading import load_dataset
from codec_bench.datasets.parts import Part, undivided
from codec_bench.errors import CodecBenchError, UnavailableError, UsageError
from codec_bench.faults import contained, explained
from codec_bench.files import folded
from codec_bench.identity import source_of
from codec_bench.probes.columns import biased
from codec_bench.probes.config import ProbeConfig
from codec_bench.probes.recipes import Recipe
from codec_bench.probes.splits import divide, official_part
from codec_bench.probes.study import TaskPlan
from codec_bench.probes.targets import targets_of
from codec_bench.runs.directory import slug

logger = logging.getLogger(__name__)


@dataclass
class SetPlan:
    """The tasks that are probed on a data set, and of each that cannot be, why."""

    dataset: Dataset
    selected: Selection
    tasks: list[TaskPlan] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class WantedSet:
    """A data set and the tasks that are asked for on it."""

    dataset: Dataset
    recipes: Sequence[Recipe]

    def __str__(self) -> str:
        return f"{', '.join(recipe.task for recipe in self.recipes)} on {self.dataset.name}"

    def skipped(self, reason: str) -> str:
        """That none of it is done, in one line."""
        return f"{self} is skipped: {reason}"


def wanted_sets(config: ProbeConfig) -> list[WantedSet]:
    """The data sets that are asked for; nothing is fetched.

    Raises:
        UsageError: There is no such data set, an option does not fit it, or two have one name.
    """
    sets = config.sets
    if config.audio_root is not None and len(sets) > 1:
        raise UsageError("--audio-root belongs to one data set: probe the others one by one")
    found = [
        WantedSet(load_dataset(name, data_root=config.data_root, audio_root=config.audio_root), recipes)
        for name, recipes in sets.items()
    ]
    names = [folded(slug(wanted.dataset.name)) for wanted in found]  # what folders are called
    if twice := [wanted for wanted, name in zip(found, names, strict=True) if names.count(name) > 1]:
        raise UsageError(f"two data sets have the name {twice[0].dataset.name}: probe them one by one")
    return found


def split_by_access(wanted: Sequence[WantedSet]) -> tuple[list[WantedSet], list[str]]:
    """The data sets that are here or can be fetched, and why others are skipped; says both before anything starts.

    Raises:
        UsageError: None of them can be had.
    """
    obtainable, skipped, fetched = [], [], []
    for one in wanted:
        state, size = _state_of(one.dataset)
        if state.access is Access.FETCH:
            fetched.append(f"{one}: {one.dataset.name} is fetched first ({size})")
        if state.access in (Access.HERE, Access.FETCH):
            obtainable.append(one)
        else:
            skipped.append(one.skipped(f"it is not on this machine: {state.detail}"))
    if not obtainable:
        raise UsageError("; ".join(skipped))
    for line in (*skipped, *fetched):
        logger.warning("%s", line)
    return obtainable, skipped


def _state_of(dataset: Dataset) -> tuple[State, str]:
    """Whether a data set, which may be a plug-in that raises anything, can be used; and how large it is, in words."""
    try:
        return contained(lambda: (dataset.state(), dataset.size_text))
    except CodecBenchError:
        raise
    except Exception as error:
        if source_of(type(dataset)) is None:
            raise
        raise UsageError(f"data set {dataset.name!r} cannot be read: {explained(error, type(dataset))}") from error


def plan_set(wanted: WantedSet, config: ProbeConfig) -> SetPlan:
    """Fetches a data set, and plans the tasks that it has targets for.

    Raises:
        UnavailableError: It cannot be obtained.
        UsageError: It cannot be read.
    """
    division = official_part if config.split == "auto" else undivided
    warnings: list[str] = []
    part = Part(config.limit, config.sample, config.seed, division)
    found = SetPlan(wanted.dataset, resolve_items(wanted.dataset, warnings, part=part), warnings=warnings)
    for recipe in wanted.recipes:
        try:
            found.tasks.append(plan_task(recipe, found.selected, config, warnings))
        except UsageError as error:
            found.skipped.append(f"{recipe.task} on {wanted.dataset.name} is skipped: {error}")
    return found


def plan_sets(config: ProbeConfig, wanted: Sequence[WantedSet]) -> tuple[list[SetPlan], list[str]]:
    """Plans all data sets; says which tasks are skipped.

    Returns:
        The plans of those with a task that can run, and why the tasks of the others are skipped.

    Raises:
        UsageError: No task can run, or a data set cannot be read.
    """
    plans, skipped = [], []
    for one in wanted:
        try:
            plan = plan_set(one, config)
        except UnavailableError as error:
            skipped.append(one.skipped(str(error)))
            continue
        if plan.tasks:
            plans.append(plan)
        else:
            skipped += plan.skipped
    if not plans:
        raise UsageError("; ".join(skipped))
    for line in (*skipped, *(line for plan in plans for line in plan.skipped)):
        logger.warning("%s", line)
    return plans, skipped


def plan_task(recipe: Recipe, selected: Selection, config: ProbeConfig, warnings: list[str]) -> TaskPlan:
    """The targets and parts of a task.

    Raises:
        UsageError: The data set has none, or one recording is in two parts.
    """
    try:
        targets = targets_of(selected.items, recipe)
        used = [item for item in selected.items if item.utterance.id in targets.of]
        division = divide(
            used,
            targets.of,
            speaker_disjoint=recipe.speaker_disjoint,
            folds=recipe.folds,
            seed=config.seed,
            rule=config.split,
        )
    except UsageError as error:
        drawn = selected.sample and f" (in --sample {config.sample}: a larger one may do)"
        raise UsageError(f"{error}{drawn or ''}") from error
    warnings += targets.warnings
    plan = TaskPlan(recipe, targets, division)
    warnings += [f"{recipe.task}: {text}" for text in (*division.warnings, *biased(plan))]
    return plan
