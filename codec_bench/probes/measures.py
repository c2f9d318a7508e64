"""Accuracy, macro F1 and mean average precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

FloatMatrix = NDArray[np.float64]


def confusion(truth: Sequence[int], predicted: Sequence[int], classes: int) -> NDArray[np.int64]:
    """How often each class (row) was taken for each class (column), `[classes, classes]`.

    >>> confusion([0, 0, 1], [0, 1, 1], 2).tolist()
    [[1, 1], [0, 1]]
    """
    flat = np.asarray(truth, np.int64) * classes + np.asarray(predicted, np.int64)
    return np.asarray(np.bincount(flat, minlength=classes * classes).reshape(classes, classes), np.int64)


def macro_f1(matrix: NDArray[np.integer] | FloatMatrix) -> NDArray[np.float64]:
    """F1 averaged over the classes that occur in truth or prediction, `[...]`.

    Args:
        matrix: Confusion `[..., classes, classes]`, rows true.

    >>> round(float(macro_f1(np.array([[1, 1], [0, 1]]))), 3)
    0.667
    """
    counts = np.asarray(matrix, np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    both = counts.sum(axis=-1) + counts.sum(axis=-2)
    f1 = np.divide(2 * hits, both, out=np.zeros_like(hits), where=both > 0)
    return np.asarray(f1.sum(axis=-1) / np.maximum((both > 0).sum(axis=-1), 1), np.float64)


def average_precision(truth: NDArray[np.bool_], scores: FloatMatrix, weights: FloatMatrix) -> FloatMatrix:
    """Average precision of one class for several weightings of the same utterances, `[cases]`.

    The mean of the precision over the positives, each with all utterances that score at least as high (so that equal
    scores have no order), as `sklearn.metrics.average_precision_score` has it; NaN where no positive has weight.

    Args:
        truth: `[n]`.
        scores: `[n]`.
        weights: How much each utterance counts, `[cases, n]`.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hit, weight = scores[order], truth[order], weights[:, order]
    last_equal = np.searchsorted(-ranked, -ranked, side="right") - 1
    positive = np.cumsum(weight * hit, axis=1)[:, last_equal]
    everything = np.cumsum(weight, axis=1)[:, last_equal]
    precision = np.divide(positive, everything, out=np.zeros_like(positive), where=everything > 0)
    mass = weight * hit
    total = mass.sum(axis=1)
    out: FloatMatrix = np.divide(
        (precision * mass).sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0
    )
    return out


def mean_average_precision(truth: NDArray[np.bool_], scores: FloatMatrix, weights: FloatMatrix) -> FloatMatrix:
    """Mean over the classes that have a positive, `[cases]`; NaN where none has.

    Truth and scores are `[n, classes]`, weights `[cases, n]`.
    """
    return mean_of_known([average_precision(t, s, weights) for t, s in zip(truth.T, scores.T, strict=True)])


def mean_of_known(values: Sequence[FloatMatrix]) -> FloatMatrix:
    """Mean over arrays of one shape of what is not NaN; NaN where nothing is known.

    >>> mean_of_known([np.array([1.0, np.nan, np.nan]), np.array([3.0, 5.0, np.nan])]).tolist()
    [2.0, 5.0, nan]
    """
    each = np.stack(values)
    known = ~np.isnan(each)
    total = np.where(known, each, 0).sum(axis=0)
    out: FloatMatrix = np.divide(total, known.sum(axis=0), out=np.full(total.shape, np.nan), where=known.any(axis=0))
    return out


def without_one(clusters: Sequence[str], value: Callable[[FloatMatrix], FloatMatrix]) -> FloatMatrix:
    """What a value that is not a mean would be without each of the clusters, `[clusters]`; NaN where there is none.

    Args:
        clusters: The cluster of each utterance.
        value: From weights of utterances, `[cases, n]`, to values `[cases]`.
    """
    names, index = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    weights = np.not_equal(np.arange(len(names))[:, None], index[None]).astype(np.float64)
    found: FloatMatrix = np.concatenate([value(part) for part in np.array_split(weights, max(1, len(names) // 100))])
    return found
