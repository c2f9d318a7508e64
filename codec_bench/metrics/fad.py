"""Frechet distance between the embeddings of two sets of recordings: FAD, Frechet audio distance.

It belongs to a set and not to an utterance: the value of a system is computed from the embeddings of all of its scored
utterances, and is not a mean of scores. With no more embeddings than dimensions the distance says nothing, and is
refused. It has no interval: drawn sets hold some embeddings twice, which makes their distances larger than that of the
set.

Source: Kilgour et al., "Frechet audio distance: A reference-free metric for evaluating music enhancement algorithms",
Interspeech 2019, who take VGGish embeddings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from codec_bench.metrics import register_metric
from codec_bench.metrics.secs import partial_embeddings
from codec_bench.metrics.signal import Array, Feature, Signal
from codec_bench.metrics.vggish import vggish_embeddings
from codec_bench.records import NotScorable, Status
from codec_bench.stats import Floats


def frechet_distance(mean1: ArrayLike, covariance1: ArrayLike, mean2: ArrayLike, covariance2: ArrayLike) -> float:
    """Squared Frechet (2-Wasserstein) distance between two normal distributions.

    Args:
        mean1: `[d]`.
        covariance1: `[d, d]`, symmetric, without negative eigenvalues.
        mean2: `[d]`.
        covariance2: `[d, d]`.

    Returns:
        `|mean1 - mean2|^2 + tr(covariance1 + covariance2 - 2 (covariance1 covariance2)^(1/2))`, 0 or more.

    Raises:
        NotScorable: Something is not finite.

    >>> frechet_distance([0.0], [[1.0]], [3.0], [[4.0]])
    10.0
    """
    first, second = np.asarray(covariance1, np.float64), np.asarray(covariance2, np.float64)
    difference = np.asarray(mean1, np.float64) - np.asarray(mean2, np.float64)
    if not all(np.isfinite(part).all() for part in (first, second, difference)):
        raise NotScorable("the embeddings are not finite", Status.UNDEFINED)
    # The product has the eigenvalues of a symmetric matrix, whose root needs no complex numbers.
    values, vectors = np.linalg.eigh(first)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    product = np.linalg.eigvalsh(root @ second @ root)
    cross = np.sqrt(np.maximum(product, 0)).sum()
    return max(0.0, float(difference @ difference + np.trace(first) + np.trace(second) - 2 * cross))


@dataclass
class FadAccumulator:
    """Mean and covariance of embeddings that come one recording at a time; the order does not matter but to rounding.

    Attributes:
        count: Embeddings so far.
        mean: `[d]`.
    """

    count: int = 0
    mean: Floats = field(default_factory=lambda: np.zeros(0))
    _scatter: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    def add(self, embeddings: ArrayLike) -> None:
        """Adds embeddings, `[n, d]`, or a single one, `[d]`.

        Raises:
            NotScorable: They are not finite, or have another number of dimensions than those before.
        """
        rows = np.atleast_2d(np.asarray(embeddings, np.float64))
        if not np.isfinite(rows).all():
            raise NotScorable("the embeddings are not finite", Status.UNDEFINED)
        if not len(rows):
            return
        count, mean = len(rows), rows.mean(axis=0)
        scatter = (rows - mean).T @ (rows - mean)
        if not self.count:
            self.count, self.mean, self._scatter = count, mean, scatter
            return
        if mean.shape != self.mean.shape:
            raise NotScorable(f"embeddings of {len(mean)} dimensions among those of {len(self.mean)}")
        total = self.count + count
        step = mean - self.mean
        self._scatter = self._scatter + scatter + np.outer(step, step) * (self.count * count / total)
        self.mean = self.mean + step * (count / total)
        self.count = total

    @property
    def covariance(self) -> Floats:
        """`[d, d]`, of `count - 1` degrees of freedom.

        Raises:
            NotScorable: There are not more embeddings than dimensions.
        """
        if self.count <= len(self.mean) or self.count < 2:
            raise NotScorable(
                f"{self.count} embeddings of {len(self.mean)} dimensions: the covariance needs more", Status.TOO_SHORT
            )
        return self._scatter / (self.count - 1)


def distance_of_pairs(pairs: Iterable[tuple[Array, Array]]) -> float:
    """The distance of the set of all second embeddings from that of all first ones, each `[n, d]`.

    Raises:
        NotScorable: A set has not more embeddings than dimensions.
    """
    references, decoded = FadAccumulator(), FadAccumulator()
    for first, second in pairs:
        references.add(first)
        decoded.add(second)
    return frechet_distance(references.mean, references.covariance, decoded.mean, decoded.covariance)


@register_metric(
    "fad",
    better="lower",
    range=(0.0, None),
    rate=16_000,
    family="distribution",
    title="FAD",
    variants={"resemblyzer": {"embedding": partial_embeddings}},
    tolerates_lag=True,
    corpus=distance_of_pairs,
    note="Frechet distance between the VGGish embeddings of all recordings and of all reconstructions (not a mean, so "
    "without an interval); [resemblyzer] of Resemblyzer's embeddings of 1.6 s, which tell voices apart, not sounds. A "
    "score of an utterance is the squared distance between its two mean embeddings.",
)
def frechet_audio_distance(reference: Signal, decoded: Signal, *, embedding: Feature = vggish_embeddings) -> float:
    """What one utterance adds to the distance: how far its mean embedding moved, squared.

    Args:
        reference: Original at 16 kHz.
        decoded: Reconstruction at 16 kHz.
        embedding: Makes `[n, d]` of a signal.

    Returns:
        0 or more, 0 for a perfect copy. The value of a system is `distance_of_pairs`, not the mean of these.

    Raises:
        NotScorable: A signal is too short for an embedding.
    """
    step = reference[embedding].mean(axis=0, dtype=np.float64) - decoded[embedding].mean(axis=0, dtype=np.float64)
    return float(step @ step)
