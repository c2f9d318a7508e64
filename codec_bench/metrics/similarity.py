"""Similarity of two recordings to a network that hears each as a whole: the cosine between its embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codec_bench.audio import Audio, FloatArray
from codec_bench.metrics import Metric, register_metric
from codec_bench.metrics.model import Apply, stacked
from codec_bench.metrics.signal import Feature, Signal
from codec_bench.records import NotScorable, Status

if TYPE_CHECKING:
    from torch import Tensor

RATE = 16_000


def equal_lengths(name: str, samples: int) -> Callable[[Callable[[Any, Sequence[Audio]], Tensor]], Apply]:
    """`stacked`, for signals of at least `samples` samples at 16 kHz."""
    return stacked(samples, f"{name} needs {1000 * samples / RATE:g} ms")


def similarity(
    name: str,
    title: str,
    note: str,
    embedding: Feature,
    variants: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    family: str = "speaker",
    version: int = 1,
    hears_polarity: bool = False,
) -> Metric:
    """Registers the cosine similarity of the embeddings of two recordings as a metric; see `Metric`.

    `embedding` is that of a signal at 16 kHz, `[d]`; each variant has another one.
    """

    def similarity_of(reference: Signal, decoded: Signal, *, embedding: Feature = embedding) -> float:
        """Cosine similarity of the embeddings of two whole recordings at 16 kHz, from -1 to 1 for identity.

        The reference may be any other recording: of the same speaker, or in the same emotion.

        Raises:
            NotScorable: One of the two is too short for the model.
            UnavailableError: What runs the model, or its weights, are missing.
        """
        return cosine(reference[embedding], decoded[embedding])

    register = register_metric(
        name, better="higher", range=(-1.0, 1.0), rate=RATE, family=family, title=title, variants=variants,
        note=note, same_utterance=False, version=version, hears_polarity=hears_polarity,
    )  # fmt: skip
    return register(similarity_of)


def cosine(first: FloatArray, second: FloatArray) -> float:
    """Cosine of the angle between two embeddings, in [-1, 1].

    Raises:
        NotScorable: One of them is zero or not finite.
    """
    one, other = first.astype(np.float64), second.astype(np.float64)
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    if not (np.isfinite(size) and size > 0):
        raise NotScorable("the embedding has no direction", Status.UNDEFINED)
    return float(np.clip(one @ other / size, -1.0, 1.0))
