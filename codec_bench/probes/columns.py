"""The columns of a probe's table, and what chance would give."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from codec_bench.metrics.text import basic, chinese
from codec_bench.probes.study import CHOICE, TaskPlan
from codec_bench.runs.columns import Better, ColumnSpec

VERSION = 1


@dataclass(frozen=True)
class Measure(ColumnSpec):
    """A column of a probe; `per_utterance` says whether single utterances have a value."""

    per_utterance: bool = True


def measures_of(task: TaskPlan, seeds: int) -> list[Measure]:
    """The columns of a task, of which each probe is trained with this many seeds."""
    recipe = task.recipe
    how = (
        f"{recipe.title} on frozen input: {recipe.head} head, recipe version {recipe.version} "
        f"({recipe.fingerprint[:12]}), {seeds} seeds, {task.division.rule}; learning rate: {CHOICE}"
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
        note = "average precision over the classes with a positive, per fold, then averaged"
        return [measure(f"map[{name}]", "mAP", "higher", "", 3, note, per_utterance=False)]
    if not recipe.is_sequence:
        pooled = "F1 averaged over classes, folds pooled"
        return [
            measure(f"accuracy[{name}]", "accuracy", "higher", "", 3, "share of utterances classified correctly"),
            measure(f"macro_f1[{name}]", "macro F1", "higher", "", 3, pooled, per_utterance=False),
        ]
    kinds = ["per"] if recipe.target == "phones" else ["cer"] if task.targets.unspaced else ["wer", "cer"]
    found = []
    for variant, decoding in ((name, "greedy decoding"), (f"{name}:beam", f"beam search over {recipe.beam} prefixes")):
        for kind in kinds:
            unit = {"wer": "words", "cer": "characters", "per": "phones"}[kind]
            note = f"errors out of {unit}, pooled; CTC, {decoding}, no language model"
            found.append(measure(f"{kind}[{variant}]", kind.upper(), "lower", "%", 1, note, normalised=True))
    return found


def chance(task: TaskPlan) -> str:
    """What always giving the same answer would score, in words; empty if that is not a number."""
    tested = [task.targets.of[name] for fold in task.division.folds for name in fold.test]
    if task.recipe.is_sequence:
        return "chance has no figure: the random row is what lengths and the commonest symbols give"
    if task.targets.multi:
        return "chance is the share of positives, averaged over classes"
    most = Counter(tested).most_common(1)[0][1] / len(tested)
    return f"chance: {1 / len(set(task.targets.of.values())):.3f} for equal guesses, {most:.3f} for the commonest class"
