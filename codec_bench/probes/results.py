"""From the answers of all trainings to the frames that a run directory keeps."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import stdev
from typing import Any

import numpy as np
import pandas as pd

from codec_bench.coding.items import Item
from codec_bench.files import write_atomically
from codec_bench.probes.columns import Measure, measures_of
from codec_bench.probes.frames import Extracted
from codec_bench.probes.measures import (
    FloatMatrix,
    confusion,
    macro_f1,
    mean_average_precision,
    mean_of_known,
    without_one,
)
from codec_bench.probes.problem import parts_of, symbols_of
from codec_bench.probes.study import CHOICE, TaskPlan, Unit
from codec_bench.probes.targets import error_counts
from codec_bench.records import Score, Status
from codec_bench.runs.frames import (
    Coverage,
    Heading,
    ScoreRow,
    SummaryRow,
    describe_intervals,
    score_frame,
    summary_frame,
)
from codec_bench.stats import (
    Estimate,
    Share,
    cluster_names,
    effective_number,
    estimate,
    interval,
    jackknife_error,
    with_trainings,
)


@dataclass(frozen=True, slots=True)
class SeedScore(ScoreRow):
    """A score of one training: its seed, and the fold in which the utterance was tested."""

    seed: int
    fold: str


@dataclass(frozen=True, slots=True)
class SeedsRow(SummaryRow):
    """A value over `seeds` trainings, and the standard deviation of the values of each alone; None for one seed."""

    sd: float | None
    seeds: int


@dataclass(frozen=True)
class Answer:
    """What one training said about one utterance of its test part."""

    utterance: str
    fold: str
    seed: int
    said: Mapping[str, Any]


class Results:
    """The frames of a probe run; `seeds` are those of the trainings."""

    def __init__(
        self,
        units: Sequence[Unit],
        tasks: Sequence[TaskPlan],
        items: Sequence[Item],
        extracted: Mapping[str, Extracted],
        seeds: Sequence[int],
    ) -> None:
        self._units = units
        self._tasks = tasks
        self._measures = [(task, measures_of(task, len(seeds))) for task in tasks]
        self._extracted = extracted
        self.labels = tuple(extracted)
        self._seeds = seeds
        self._speakers = {item.utterance.id: item.utterance.speaker for item in items}

    def _tested(self, task: TaskPlan) -> list[str]:
        """Ids of the utterances that are tested in one of the folds."""
        return sorted({name for fold in task.division.folds for name in fold.test})

    def _units_of(self, system: str, task: TaskPlan) -> list[Unit]:
        return [unit for unit in self._units if unit.system == system and unit.task is task]

    def _answers(self, system: str, task: TaskPlan) -> list[Answer]:
        found = [
            Answer(name, unit.fold.name, seed, said)
            for unit in self._units_of(system, task)
            for seed, result in unit.results.items()
            for name, said in result["test"].items()
        ]
        return sorted(found, key=lambda a: (a.utterance, a.seed, a.fold))

    def _clusters(self, task: TaskPlan) -> dict[str, str]:
        """The clusters of all utterances that are tested."""
        tested = self._tested(task)
        # Where speakers are the classes, other speakers would be another task: then utterances are the unit.
        speakers = [None if task.recipe.target == "speaker" else self._speakers[n] for n in tested]
        return dict(zip(tested, cluster_names(tested, speakers), strict=True))

    def intervals(self) -> dict[str, Any]:
        """How the intervals were made, as `run.json` keeps it; over the test utterances of all tasks together."""
        over_speakers = [task for task in self._tasks if task.recipe.target != "speaker"]
        tested = {name for task in over_speakers or self._tasks for name in self._tested(task)}
        found = describe_intervals([self._speakers[n] if over_speakers else None for n in sorted(tested)])
        if found["unit"] == "speakers" and len(over_speakers) < len(self._tasks):
            found["unit"] = "speakers, for sid over utterances"
        trainings = len(self._seeds)
        whose = (
            "of this training" if trainings == 1 else f"of trainings like these {trainings}, whose variance is added"
        )
        return found | {"method": f"{found['method']}, {whose}", "trainings": trainings}

    def notes(self) -> list[str]:
        """What every reader of the table must know of how it was trained."""
        if len(self._seeds) > 1:
            return []
        return ["Intervals are of this training: with one seed, how much trainings differ is not known (--seeds 3)."]

    # --- scores of utterances ----------------------------------------------------------------------------------

    @cached_property
    def scores(self) -> list[ScoreRow]:
        """One row per row of the table, test utterance, seed and measure that single utterances have."""
        return [
            row
            for label in self.labels
            for task, measures in self._measures
            for measure in measures
            if measure.per_utterance
            for row in self._score_rows(label, task, measure.label)
        ]

    def score_frame(self) -> pd.DataFrame:
        """The scores as `scores.parquet` has them."""
        return score_frame(self.scores, SeedScore, ("system", "metric", "utterance", "seed"))

    def _score_rows(self, label: str, task: TaskPlan, metric: str) -> Iterator[ScoreRow]:
        scored = self._scores(label, task, metric)
        for fold, name, seed in ((f, n, s) for f in task.division.folds for n in f.test for s in self._seeds):
            score = scored.get((name, seed)) or self._missing(label, task, name)
            yield SeedScore.of(label, name, self._speakers[name], metric, score, seconds=0.0, seed=seed, fold=fold.name)

    def _scores(self, label: str, task: TaskPlan, metric: str) -> dict[tuple[str, int], Score]:
        """The scores of a measure by utterance and seed."""
        name, _, variant = metric.removesuffix("]").partition("[")
        said = "beam" if variant.endswith(":beam") else "answer"
        found = {}
        for answer in self._answers(label, task):
            wanted = task.targets.of[answer.utterance]
            if name == "accuracy":
                score = Score(Status.OK, "", float(answer.said["answer"] == wanted), 1.0)
            else:
                counted = error_counts(wanted, answer.said[said], name)
                score = Score(Status.OK, "", counted.errors, counted.units, 100.0)
            found[answer.utterance, answer.seed] = score
        return found

    def _missing(self, label: str, task: TaskPlan, name: str) -> Score:
        """Why an utterance has no score."""
        failed = self._extracted[label].failed.get(name)
        if failed is not None:
            return Score.failed(failed.status, failed.reason)
        reasons = [unit.reason for unit in self._units_of(label, task) if name in unit.fold.test]
        return Score.failed(Status.CRASHED, reasons[0] if reasons else "not trained")

    # --- values of rows ----------------------------------------------------------------------------------------

    def summary_frame(self, headings: Sequence[Heading]) -> pd.DataFrame:
        """One row per row of the table and measure, with the standard deviation of the values of the trainings."""
        rows = [
            heading.row(measure.label, measure.unit, found, SeedsRow, sd=deviation, seeds=len(self._seeds))
            for heading in headings
            for task, measures in self._measures
            for measure in measures
            for found, deviation in [self._value(heading.system, task, measure)]
        ]
        return summary_frame(rows, SeedsRow)

    def _value(self, label: str, task: TaskPlan, measure: Measure) -> tuple[Estimate, float | None]:
        """Value pooled over seeds and folds, with its interval, and the standard deviation of those of each seed."""
        expected = len(self._tested(task))
        answers = self._answers(label, task)
        if not answers:
            return Estimate(None, None, None, 0, expected, 0), None
        names = {answer.utterance for answer in answers}
        cluster = {name: found for name, found in self._clusters(task).items() if name in names}
        if measure.name in ("macro_f1", "map"):
            found, each = self._shaped(task, answers, cluster, measure.name)
        else:
            share: Share = "hits" if measure.better == "higher" else "errors"
            found, each = self._pooled(self._scores(label, task, measure.label), cluster, share)
        return replace(found, n=len(names), expected=expected), stdev(each) if len(each) > 1 else None

    def _pooled(
        self, scores: Mapping[tuple[str, int], Score], cluster: Mapping[str, str], share: Share
    ) -> tuple[Estimate, list[float]]:
        """A value that is made of scores of utterances, and that of each seed."""
        keys = sorted(scores)
        scale = next(iter(scores.values())).scale
        each = []
        for seed in self._seeds:
            mine = [scores[k] for k in keys if k[1] == seed]
            if mine:
                each.append(sum(s.numerator for s in mine) / sum(s.denominator for s in mine))
        found = estimate(
            [scores[k].numerator for k in keys],
            [scores[k].denominator for k in keys],
            [cluster[k[0]] for k in keys],
            expected=len(keys),
            scale=scale,
            share=share,
            trainings=each,
        )
        return found, [scale * value for value in each]

    def _shaped(
        self, task: TaskPlan, answers: Sequence[Answer], cluster: Mapping[str, str], name: str
    ) -> tuple[Estimate, list[float]]:
        """Macro F1 or mean average precision: of each seed (and fold, for the latter), then averaged."""
        index = {symbol: i for i, symbol in enumerate(classes(task))}
        where = {utterance: i for i, utterance in enumerate(cluster)}
        by_seed: dict[int, list[tuple[Any, ...]]] = {seed: [] for seed in self._seeds}
        groups: dict[tuple[int, str], list[Answer]] = {}
        for answer in answers:
            groups.setdefault((answer.seed, answer.fold if name == "map" else ""), []).append(answer)
        for (seed, _), group in groups.items():
            rows = np.array([where[a.utterance] for a in group])
            wanted = [parts_of(task.targets.of[a.utterance], multi=task.targets.multi, sequence=False) for a in group]
            if name == "map":
                truth = np.array([[symbol in parts for symbol in index] for parts in wanted])
                said = np.array([a.said["scores"] for a in group], np.float64)
            else:
                truth = np.array([index[parts[0]] for parts in wanted])
                said = np.array([index[a.said["answer"]] for a in group])
            by_seed[seed].append((rows, truth, said))

        def value(weights: FloatMatrix, seeds: Sequence[int] | None = None) -> FloatMatrix:
            parts = []
            for seed in self._seeds if seeds is None else seeds:
                for rows, truth, said in by_seed[seed]:
                    if name == "map":
                        parts.append(mean_average_precision(truth, said, weights[:, rows]))
                    else:
                        cells = np.eye(len(index) ** 2)[truth * len(index) + said]
                        parts.append(macro_f1((weights[:, rows] @ cells).reshape(-1, len(index), len(index))))
            return mean_of_known(parts)

        once = np.ones((1, len(cluster)))
        each = [float(value(once, [seed])[0]) for seed in self._seeds if by_seed[seed]]
        whole = float(value(once)[0])
        sizes = list(Counter(cluster.values()).values())
        effective = effective_number(sizes)
        found = Estimate(whole, None, None, 0, 0, len(sizes), effective)
        without = without_one(list(cluster.values()), value)
        if len(sizes) < 2 or not np.all(np.isfinite(without)):
            return found, each
        error = with_trainings(jackknife_error(without), effective, each)
        low, high = interval(whole, *error, "hits", units=effective)
        return replace(found, low=low, high=high), each

    # --- the rest ----------------------------------------------------------------------------------------------

    def coverage(self, max_failed: float) -> Coverage:
        """How many scores have a value, by measure and status, and which rows failed."""
        found = Coverage(max_failed)
        for row in self.scores:
            found.count(row.metric, Status(row.status))
        for label in self.labels:
            for task in self._tasks:
                found.failures += [
                    f"{label}, {task.recipe.task}, {unit.fold.name}: {unit.reason}"
                    for unit in self._units_of(label, task)
                    if unit.reason
                ]
                wanted = {n for fold in task.division.folds for n in (*fold.train, *fold.dev, *fold.test)}
                bad = {
                    name: failed.reason
                    for name, failed in self._extracted[label].failed.items()
                    if name in wanted and failed.status.is_failure
                }
                found.judge(label, bad, len(wanted))
        return found

    def confusions(self) -> list[dict[str, Any]]:
        """Confusion matrices summed over seeds and folds, rows true, of the tasks with one label per utterance."""
        found = []
        for label in self.labels:
            for task in self._tasks:
                answers = self._answers(label, task)
                if task.recipe.is_sequence or task.targets.multi or not answers:
                    continue
                index = {symbol: i for i, symbol in enumerate(classes(task))}
                truth = [index[task.targets.of[a.utterance]] for a in answers]
                matrix = confusion(truth, [index[a.said["answer"]] for a in answers], len(index))
                found.append(
                    {"system": label, "task": task.recipe.task, "labels": list(index), "matrix": matrix.tolist()}
                )
        return found

    def trainings(self) -> dict[str, Any]:
        """Everything about every training but its answers, and the splits."""
        units = [
            {
                "system": unit.system,
                "task": unit.task.recipe.task,
                "fold": unit.fold.name,
                "learning_rate": unit.chosen,
                "candidates": [
                    {"learning_rate": rate} | {k: found[k] for k in ("dev", "dev_loss", "epochs")}
                    for rate, found in sorted(unit.candidates.items())
                ],
                "seeds": [
                    {"seed": seed} | {k: v for k, v in found.items() if k != "test"}
                    for seed, found in sorted(unit.results.items())
                ],
                "reason": unit.reason,
            }
            for unit in self._units
        ]
        splits = {
            task.recipe.task: [
                {"fold": f.name, "train": f.train, "dev": f.dev, "test": f.test} for f in task.division.folds
            ]
            for task in self._tasks
        }
        return {"choice": CHOICE, "trainings": units, "splits": splits}


def classes(task: TaskPlan) -> tuple[str, ...]:
    """All classes of a task, sorted."""
    return symbols_of(list(task.targets.of.values()), multi=task.targets.multi, sequence=False)


def write_json(path: Path, content: Any) -> None:
    """Writes JSON."""
    write_atomically(path, (json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode())
