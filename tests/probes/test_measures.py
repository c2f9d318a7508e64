"""Accuracy, F1 and average precision against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, confusion_matrix, f1_score

from codec_bench.probes.measures import confusion, macro_f1, mean_average_precision, without_one
from codec_bench.stats import estimate, interval, jackknife_error


@pytest.mark.parametrize("seed", range(5))
def test_confusion_and_macro_f1_are_those_of_scikit_learn(seed: int):
    generator = np.random.default_rng(seed)
    truth, predicted = generator.integers(0, 6, 40), generator.integers(0, 5, 40)  # one class is never said
    matrix = confusion(truth.tolist(), predicted.tolist(), 7)  # and one never occurs
    assert matrix.tolist() == confusion_matrix(truth, predicted, labels=range(7)).tolist()
    assert float(macro_f1(matrix)) == pytest.approx(f1_score(truth, predicted, average="macro"))


@pytest.mark.parametrize("decimals", [1, 6])  # with and without equal scores
def test_mean_average_precision_is_that_of_scikit_learn(decimals: int):
    generator = np.random.default_rng(decimals)
    truth = generator.random((50, 4)) < 0.3
    scores = np.round(generator.random((50, 4)) + 0.3 * truth, decimals)
    found = mean_average_precision(truth, scores, np.ones((1, 50)))
    assert found[0] == pytest.approx(average_precision_score(truth, scores, average="macro"))


def test_weights_repeat_utterances():
    generator = np.random.default_rng(3)
    truth, scores = generator.random((20, 1)) < 0.4, np.round(generator.random((20, 1)), 1)
    weights = generator.integers(0, 3, (6, 20)).astype(float)
    found = mean_average_precision(truth, scores, weights)
    for row, value in zip(weights.astype(int), found, strict=True):
        repeated = np.repeat(np.arange(20), row)
        assert value == pytest.approx(average_precision_score(truth[repeated, 0], scores[repeated, 0]))


def test_a_class_without_positives_is_left_out():
    truth = np.array([[True, False], [False, False]])
    assert mean_average_precision(truth, np.array([[0.9, 0.1], [0.2, 0.8]]), np.ones((1, 2)))[0] == 1.0


def test_the_jackknife_of_a_mean_has_the_error_of_estimate():
    generator = np.random.default_rng(0)
    clusters = [f"s{i % 7}" for i in range(70)]
    values = generator.random(70)
    known = estimate(values.tolist(), [1.0] * 70, clusters, expected=70)
    error = jackknife_error(without_one(clusters, lambda w: (w @ values) / w.sum(axis=1)))
    assert interval(values.mean(), error, 7) == pytest.approx((known.low, known.high))


def test_the_jackknife_of_macro_f1_is_that_of_leaving_speakers_out():
    generator = np.random.default_rng(1)
    speakers = np.repeat(np.arange(5), 8)
    truth, said = generator.integers(0, 3, 40), generator.integers(0, 3, 40)
    cells = np.eye(9)[truth * 3 + said]
    found = without_one([str(s) for s in speakers], lambda w: macro_f1((w @ cells).reshape(-1, 3, 3)))
    theirs = [f1_score(truth[speakers != s], said[speakers != s], average="macro") for s in range(5)]
    assert found == pytest.approx(theirs)
