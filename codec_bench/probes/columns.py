"""The columns of a probe's table, and what chance would give."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from codec_bench.probes.study import CHOICE, TaskPlan
from codec_bench.runs.directory import describe_column

VERSION = 1


@dataclass(frozen=True)
class Measure:
    """A column.

    Attributes:
        label: `accuracy[sid]`.
        title: Heading without the variant.
        better: Which direction is better.
        unit: Behind the title.
        digits: Decimals in tables.
        per_utterance: Whether single utterances have a value.
        note: Definition.
    """

    label: str
    title: str
    better: Literal["higher", "lower"]
    unit: str
    digits: int
    per_utterance: bool
    note: str


def measures_of(task: TaskPlan) -> list[Measure]:
    """The columns of a task."""
    name = task.recipe.task
    if task.targets.multi:
        note = "average precision over the classes with a positive, per fold, then averaged"
        return [Measure(f"map[{name}]", "mAP", "higher", "", 3, False, note)]
    if not task.recipe.is_sequence:
        return [
            Measure(f"accuracy[{name}]", "accuracy", "higher", "", 3, True, "share of utterances classified correctly"),
            Measure(f"macro_f1[{name}]", "macro F1", "higher", "", 3, False, "F1 averaged over classes, folds pooled"),
        ]
    kinds = ["per"] if task.recipe.target == "phones" else ["cer"] if task.targets.unspaced else ["wer", "cer"]
    found = []
    for variant, how in ((name, "greedy decoding"), (f"{name}:beam", f"beam search over {task.recipe.beam} prefixes")):
        for kind in kinds:
            unit = {"wer": "words", "cer": "characters", "per": "phones"}[kind]
            note = f"errors out of {unit}, pooled; CTC, {how}, no language model"
            found.append(Measure(f"{kind}[{variant}]", kind.upper(), "lower", "%", 1, True, note))
    return found


def chance(task: TaskPlan) -> str:
    """What an answer without looking would give, in words; empty where that is no figure."""
    tested = [task.targets.of[name] for fold in task.division.folds for name in fold.test]
    if task.recipe.is_sequence:
        return "chance has no figure: the random row is what lengths and the commonest symbols give"
    if task.targets.multi:
        return "chance is the share of positives, averaged over classes"
    most = Counter(tested).most_common(1)[0][1] / len(tested)
    return f"chance: {1 / len(set(task.targets.of.values())):.3f} for equal guesses, {most:.3f} for the commonest class"


def describe_columns(task: TaskPlan, seeds: int) -> list[dict[str, Any]]:
    """The columns of a task as `plan.metrics` keeps them."""
    recipe = task.recipe
    how = (
        f"{recipe.title} on frozen input: {recipe.head} head, recipe version {recipe.version} "
        f"({recipe.fingerprint[:12]}), {seeds} seeds, {task.division.rule}; learning rate: {CHOICE}"
    )
    found = []
    for measure in measures_of(task):
        note = f"{measure.note}; {chance(task)}; {how}."
        found.append(
            describe_column(
                measure.label,
                measure.title,
                better=measure.better,
                family=f"Probe: {recipe.title}",
                unit=measure.unit,
                digits=measure.digits,
                note=note,
                version=VERSION,
            )
        )
    return found
