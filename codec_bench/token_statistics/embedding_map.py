"""Mean embeddings of utterances in two dimensions, to be drawn by a label."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from codec_bench.errors import UnavailableError
from codec_bench.records import Utterance
from codec_bench.stats import Floats
from codec_bench.tokens import Tokens

METHODS = ("tsne", "umap", "pca")
MIN_UTTERANCES = 5
COMPONENTS = 50
"""Principal components that t-SNE and UMAP see, as van der Maaten and Hinton (2008) have it."""


def histogram_embedding(tokens: Tokens) -> Floats:
    """Relative frequencies of all entries of all codebooks, float64 `[sum of sizes]`: the mean of one-hot vectors."""
    return np.concatenate(
        [np.bincount(s.codes, minlength=s.codebook.size) / max(1, len(s.codes)) for s in tokens.streams]
    )


def check_method(method: str) -> str:
    """The method that will be used: t-SNE falls back to PCA where scikit-learn is missing.

    Raises:
        UnavailableError: UMAP was requested, for which there is no fallback, and is missing.
    """
    if method == "umap" and find_spec("umap") is None:
        raise UnavailableError("--map umap needs umap-learn: pip install umap-learn, or take --map tsne")
    return "pca" if method == "tsne" and find_spec("sklearn") is None else method


def project(vectors: Floats, method: str, seed: int = 0) -> Floats:
    """Places vectors, float `[utterances, dimension]`, at least `MIN_UTTERANCES`, in two dimensions, `[utterances, 2]`.

    The perplexity of t-SNE is 30, or a third of the utterances where that is less. Only neighbourhoods mean something,
    except with PCA; axes have no unit.
    """
    reduced = principal_components(vectors, 2 if method == "pca" else COMPONENTS)
    if method == "tsne":
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits

        perplexity = min(30.0, (len(reduced) - 1) / 3)
        # One thread: its gradient is of a few hundred points, over which the threads of a busy machine wait for ever.
        with threadpool_limits(1):
            made = TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1).fit_transform(reduced)
        return np.asarray(made, np.float64)
    if method == "umap":
        from umap import UMAP

        neighbours = min(15, len(reduced) - 1)
        return np.asarray(UMAP(n_neighbors=neighbours, random_state=seed).fit_transform(reduced), np.float64)
    return np.pad(reduced, ((0, 0), (0, 2 - reduced.shape[1])))


def principal_components(vectors: Floats, most: int) -> Floats:
    """Coordinates on the first principal components, `[utterances, components]`, most spread first.

    The sign of each is chosen so that its entry of largest size is positive; PCA itself leaves it open.
    """
    centred = vectors - vectors.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    found = (left * sizes)[:, :most]
    largest = found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])]
    return np.asarray(found * np.where(largest < 0, -1.0, 1.0))


def label_column(utterances: Sequence[Utterance], wanted: str | None) -> str:
    """The column whose values are the labels: the requested one, or `label` if it has two or more values, or
    `speaker`.

    Raises:
        UnavailableError: No utterance has the wanted column.
    """
    if wanted is None:
        return "label" if len({label_of(u, "label") for u in utterances} - {""}) > 1 else "speaker"
    if not any(label_of(u, wanted) for u in utterances):
        known = sorted(
            {name for u in utterances for name, value in u.labels.items() if value} | {"speaker", "language"}
        )
        raise UnavailableError(f"no utterance has a value for --label {wanted}; there are: {', '.join(known)}")
    return wanted


def label_of(utterance: Utterance, column: str) -> str:
    """The value of a column for an utterance; empty if it has none."""
    if column in ("speaker", "language"):
        return str(getattr(utterance, column) or "")
    return str(utterance.labels.get(column, "") or "")
