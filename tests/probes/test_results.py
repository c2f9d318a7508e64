"""Values of probes, and whose their intervals are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from codec_bench.coding.items import Item
from codec_bench.probes.columns import biased, measures_of, precision_by_chance
from codec_bench.probes.frames import Extracted
from codec_bench.probes.recipes import RECIPES
from codec_bench.probes.results import Results
from codec_bench.probes.splits import Division, Fold
from codec_bench.probes.study import TaskPlan, Unit
from codec_bench.probes.targets import Targets
from codec_bench.records import Utterance
from codec_bench.runs.frames import Bitrate, Heading
from codec_bench.stats import estimate

ROW = "row"


def plan(task: str, targets: Mapping[str, str], *, multi: bool = False) -> TaskPlan:
    return TaskPlan(
        RECIPES[task],
        Targets(dict(targets), multi),
        Division((Fold("split", (), (), tuple(sorted(targets))),), "a split"),
    )


def results_of(task: TaskPlan, said: Sequence[Mapping[str, Any]], speakers: Mapping[str, str]) -> Results:
    """What trainings with the seeds 0, 1, ... said about each utterance."""
    (fold,) = task.division.folds
    unit = Unit(ROW, task, fold, None, results={seed: {"test": answers} for seed, answers in enumerate(said)})
    items = [Item(Utterance(name, Path(name), None, speaker), "0" * 64) for name, speaker in speakers.items()]
    return Results([unit], [task], items, {ROW: Extracted({}, {})}, range(len(said)))


def summary(results: Results) -> Any:
    return results.summary_frame([Heading(ROW, "acoustic", Bitrate(), None)]).set_index("metric")


def emotions(trainings: int) -> Results:
    generator = np.random.default_rng(7)
    speakers = {f"{s}{k}": s for s in "abcdefgh" for k in range(12)}
    truth = {name: str(generator.choice(["calm", "angry", "sad"])) for name in speakers}
    said = [
        {n: {"answer": wanted if generator.random() < right else "sad"} for n, wanted in truth.items()}
        for right in (0.5, 0.7, 0.9)[:trainings]
    ]
    return results_of(plan("er", truth), said, speakers)


def test_trainings_that_differ_widen_the_interval_and_one_says_that_it_is_its_own():
    one, three = emotions(1), emotions(3)
    assert "of this training" in one.intervals()["method"]
    assert one.intervals()["trainings"] == 1 and one.notes() and not three.notes()
    assert "of trainings like these 3" in three.intervals()["method"]
    for metric in ("accuracy[er]", "macro_f1[er]"):
        alone, pooled = summary(one).loc[metric], summary(three).loc[metric]
        assert np.isnan(alone["sd"]) and pooled["sd"] > 0.1
        assert pooled["ci_high"] - pooled["ci_low"] > 2 * (alone["ci_high"] - alone["ci_low"])
        assert alone["ci_low"] < alone["value"] < alone["ci_high"]
    notes = {seeds: measures_of(plan("er", {"a": "calm", "b": "sad"}), seeds)[0].note for seeds in (1, 3)}
    assert "intervals are of this training" in notes[1] and "sd" not in notes[1]
    assert "sd: standard deviation of the values of these 3 trainings" in notes[3]


def test_values_and_deviations_are_those_of_the_trainings():
    found = emotions(3)
    frame = found.score_frame()
    each = frame.groupby("seed")["value"].mean()
    row = summary(found).loc["accuracy[er]"]
    assert (row["value"], row["sd"]) == pytest.approx((each.mean(), each.std(ddof=1)))
    answers = found._answers(ROW, found._tasks[0])
    f1 = [
        f1_score(*zip(*[(found._tasks[0].targets.of[a.utterance], a.said["answer"]) for a in answers if a.seed == s],
                      strict=True), average="macro")
        for s in range(3)
    ]  # fmt: skip
    row = summary(found).loc["macro_f1[er]"]
    assert (row["value"], row["sd"]) == pytest.approx((np.mean(f1), np.std(f1, ddof=1)))


def test_one_speaker_who_has_all_positives_leaves_map_without_an_interval():
    speakers = {f"{s}{k}": s for s in "abc" for k in range(4)}
    truth = {name: "rain;dog" if name < "b" else "" for name in speakers}
    task = plan("sed", truth, multi=True)
    said = {name: {"scores": [0.9 - 0.1 * i, 0.2 + 0.05 * i]} for i, name in enumerate(speakers)}
    row = summary(results_of(task, [said], speakers)).loc["map[sed]"]
    expected = [average_precision_score([bool(truth[n]) for n in speakers], [said[n]["scores"][c] for n in speakers])
                for c in range(2)]  # fmt: skip
    assert row["value"] == pytest.approx(np.mean(expected))
    assert np.isnan(row["ci_low"]) and row["clusters"] == 3


def test_few_positives_are_told_and_many_are_not():
    few = plan("sed", {f"u{i:03}": "dog;rain" if i < 7 else "rain" for i in range(200)}, multi=True)
    (column,) = measures_of(few, 3)
    assert "the smallest class has 7 positives in a test part" in column.note
    assert biased(few)[0] in column.note
    many = plan("sed", {f"u{i:03}": "dog;rain" if i < 100 else "rain" for i in range(200)}, multi=True)
    assert biased(many) == []
    assert biased(plan("sed", {"a": "dog", "b": "rain"})) == []


@pytest.mark.parametrize(("positives", "utterances"), [(1, 8), (3, 8), (4, 7), (3, 3), (1, 1)])
def test_average_precision_by_chance_is_the_mean_over_all_orders(positives: int, utterances: int):
    ranks = np.arange(utterances)
    orders = [
        average_precision_score(np.isin(ranks, placed), -ranks) for placed in combinations(range(utterances), positives)
    ]
    assert precision_by_chance(positives, utterances) == pytest.approx(np.mean(orders))


def test_chance_of_map_is_that_of_the_classes_which_are_tested():
    task = plan("sed", {f"u{i:03}": "dog;rain" if i < 10 else "rain" for i in range(40)}, multi=True)
    expected = (precision_by_chance(10, 40) + 1) / 2
    assert f"chance: {expected:.3f} for a random order" in measures_of(task, 3)[0].note


@pytest.mark.parametrize("speakers", [8, 13, 37])
@pytest.mark.parametrize("noise", ["of a training", "of the mean"])
def test_intervals_hold_where_trainings_differ_as_much_as_speakers(speakers: int, noise: str):
    """Accuracy of three trainings, whose noise is that of one speaker, or of the mean over all of them.

    Both are normal on the logit; the truth is the mean over speakers and trainings without end.
    """
    generator = np.random.default_rng(speakers)
    spread, trainings, utterances, rounds = 0.6, 3, 20, 500
    between = spread if noise == "of a training" else spread * (trainings / speakers) ** 0.5
    far = 0.8 + np.hypot(spread, between) * generator.standard_normal(400_000)
    truth = float(np.mean(1 / (1 + np.exp(-far))))
    names = np.repeat(np.arange(speakers), utterances).astype(str)
    clusters = np.tile(names, trainings).tolist()
    held = {True: 0, False: 0}
    for _ in range(rounds):
        logits = (
            0.8 + spread * generator.standard_normal(speakers) + between * generator.standard_normal((trainings, 1))
        )
        right = generator.random((trainings, speakers, utterances)) < 1 / (1 + np.exp(-logits))[..., None]
        for counted in held:
            each = right.mean(axis=(1, 2)).tolist() if counted else []
            found = estimate(right.ravel().tolist(), [1.0] * right.size, clusters, expected=right.size, share="hits",
                             trainings=each)  # fmt: skip
            assert found.low is not None and found.high is not None
            held[counted] += found.low <= truth <= found.high
    assert held[True] >= 0.9 * rounds
    # What it is for: without the noise of training, intervals are too narrow.
    assert held[False] < min(held[True], 0.9 * rounds)
