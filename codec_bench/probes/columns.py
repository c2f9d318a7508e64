"""The columns of a probe's table, and what chance would give."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from codec_bench.metrics.text import basic, chinese
from codec_bench.probes.problem import parts_of
from codec_bench.probes.recipes import Recipe
from codec_bench.probes.splits import Fold
from codec_bench.probes.study import CHOICE, TaskPlan
from codec_bench.runs.columns import Better, ColumnSpec

VERSION = 1

ENOUGH_POSITIVES = 100
"""Average precision of a class with fewer positives is too high on average by more than a hundredth; see `biased`."""


@dataclass(frozen=True)
class Measure(ColumnSpec):
    """A column of a probe; `per_utterance` says whether single utterances have a value."""

    per_utterance: bool = True


def measures_of(task: TaskPlan, seeds: int) -> list[Measure]:
    """The columns of a task, of which each probe is trained with this many seeds."""
    recipe = task.recipe
    how = (
        f"{recipe.title} on frozen input: {recipe.head} head, recipe version {recipe.version} "
        f"({recipe.fingerprint[:12]}), {varied(recipe)}{trained(seeds)}, {task.division.rule}; learning rate: {CHOICE}"
    )

    def measure(
        label: str,
        title: str,
        better: Better,
        unit: str,
        digits: int,
        note: str,
        per_utterance: bool = True,
        normalised: bool = False,
    ) -> Measure:
        note = f"{note}; {chance(task)}; {how}."
        family = f"Probe: {recipe.title}"
        content = {"normaliser": (chinese if task.targets.unspaced else basic).fingerprint} if normalised else {}
        return Measure(
            label, title, family, better, unit, digits, note, per_utterance, version=VERSION, content=content
        )

    name = recipe.task
    if task.targets.multi:
        note = "; ".join(["average precision over the classes with a positive, per fold, then averaged", *biased(task)])
        return [measure(f"map[{name}]", "mAP", "higher", "", 3, note, per_utterance=False)]
    if not recipe.is_sequence:
        pooled = "F1 averaged over classes, folds pooled"
        return [
            measure(f"accuracy[{name}]", "accuracy", "higher", "", 3, "share of utterances classified correctly"),
            measure(f"macro_f1[{name}]", "macro F1", "higher", "", 3, pooled, per_utterance=False),
        ]
    kinds = ["per"] if recipe.target == "phones" else ["cer"] if task.targets.unspaced else ["wer", "cer"]
    found = []
    how_said = "symbol by symbol" if recipe.is_autoregressive else "CTC"
    decodings = {name: "greedy decoding"}
    if recipe.beam:
        decodings[f"{name}:beam"] = f"beam search over {recipe.beam} prefixes"
    for variant, decoding in decodings.items():
        for kind in kinds:
            unit = {"wer": "words", "cer": "characters", "per": "phones"}[kind]
            note = f"errors out of {unit}, pooled; {how_said}, {decoding}, no language model"
            found.append(measure(f"{kind}[{variant}]", kind.upper(), "lower", "%", 1, note, normalised=True))
    return found


def varied(recipe: Recipe) -> str:
    """How the training part is augmented; empty if it is not."""
    how = recipe.augmentation
    return "" if how is None else f"augmentation version {how.version} of the training part ({', '.join(how.kinds)}), "


def trained(seeds: int) -> str:
    """How often each probe was trained, and whose the interval and the column `sd` of `summary.csv` are.

    >>> trained(1)
    '1 seed, intervals are of this training'
    """
    if seeds == 1:
        return "1 seed, intervals are of this training"
    return (
        f"{seeds} seeds, whose noise is part of the intervals; sd: standard deviation of the values of these "
        f"{seeds} trainings, not of their mean"
    )


def biased(task: TaskPlan) -> list[str]:
    """That mean average precision is too high where a class has few positives in a test part.

    Average precision of a sample is not that of the population: of scores of two normal distributions up to two
    standard deviations apart, where 2 to 10 % are positives, it is too high by up to .14 with 3 positives, .06 with 10,
    .03 with 30 and .01 with 100.
    """
    positives = [count for fold in task.division.folds for count in _positives(task, fold).values()]
    if not task.targets.multi or min(positives) >= ENOUGH_POSITIVES:
        return []
    return [
        f"the smallest class has {min(positives)} positives in a test part, and average precision of fewer than "
        f"{ENOUGH_POSITIVES} is too high on average (by up to .14 with 3, .06 with 10, .03 with 30)"
    ]


def _positives(task: TaskPlan, fold: Fold) -> Counter[str]:
    """How many utterances of the test part have each of the labels that occur there."""
    targets = task.targets
    return Counter(
        part for name in fold.test for part in parts_of(targets.of[name], multi=targets.multi, sequence=False)
    )


def precision_by_chance(positives: int, utterances: int) -> float:
    """Expected average precision of a class in a random order; above the share of positives, the more the fewer.

    A positive at rank `i` has a share `(n - 1) / (N - 1)` of positives above it, and all ranks are equally likely.

    >>> round(precision_by_chance(1, 2), 3), round(precision_by_chance(100, 1000), 3)
    (0.75, 0.106)
    """
    above = (positives - 1) / (utterances - 1) if utterances > 1 else 1.0
    first = float(np.mean(1 / np.arange(1, utterances + 1)))
    return first + above * (1 - first)


def chance(task: TaskPlan) -> str:
    """What always giving the same answer would score, or a random order, in words."""
    tested = [task.targets.of[name] for fold in task.division.folds for name in fold.test]
    if task.recipe.is_sequence:
        return "chance has no figure: the random row is what lengths and the commonest symbols give"
    if task.targets.multi:
        folds = [
            np.mean([precision_by_chance(count, len(fold.test)) for count in _positives(task, fold).values()])
            for fold in task.division.folds
        ]
        return f"chance: {np.mean(folds):.3f} for a random order"
    most = Counter(tested).most_common(1)[0][1] / len(tested)
    return f"chance: {1 / len(set(task.targets.of.values())):.3f} for equal guesses, {most:.3f} for the commonest class"
