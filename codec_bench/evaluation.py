"""Scores of signals that are in memory: batches of a training loop, or two arrays in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from codec_bench.errors import UnavailableError, UsageError
from codec_bench.grids import Grid
from codec_bench.hub import fetch_all
from codec_bench.metrics import Metric, metric
from codec_bench.metrics.batches import recordings_of
from codec_bench.metrics.signal import Array, Recording
from codec_bench.records import NotScorable, Score, Status
from codec_bench.stats import Estimate, cluster_names, estimate, share_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Evaluation:
    """Scores of a batch.

    Attributes:
        metrics: The metrics by label, in the order that was asked for.
        scores: One `Score` per item, by label: a value, or a status with the reason why there is none.
        summary: The pooled value of each, with its 95 % interval and how many of the items are in it.
    """

    metrics: Mapping[str, Metric]
    scores: Mapping[str, tuple[Score, ...]]
    summary: Mapping[str, Estimate]

    def __getitem__(self, label: str) -> float:
        """The pooled value of a metric; NaN where no item has one."""
        value = self.summary[label].value
        return float("nan") if value is None else value

    def values(self, label: str) -> list[float]:
        """The value of each item; NaN where there is none, which `scores` explains."""
        found = (score.value for score in self.scores[label])
        return [float("nan") if value is None else value for value in found]

    @property
    def frame(self) -> pd.DataFrame:
        """One row per item and metric: value, or status and reason."""
        import pandas as pd

        rows = [
            {"item": item, "metric": label, "value": score.value, "status": score.status.value, "reason": score.reason}
            for label, scores in self.scores.items()
            for item, score in enumerate(scores)
        ]
        return pd.DataFrame(rows, columns=["item", "metric", "value", "status", "reason"])

    @property
    def problems(self) -> list[str]:
        """Why items have no value, one line per metric and reason."""
        found: dict[tuple[str, str], list[int]] = {}
        for label, scores in self.scores.items():
            for item, score in enumerate(scores):
                if score.value is None:
                    found.setdefault((label, score.reason), []).append(item)
        return [f"{label}: no value for item {_listed(items)}: {why}" for (label, why), items in found.items()]

    @property
    def grid(self) -> Grid:
        """The pooled values as a table of texts."""
        rows = []
        for label, found in self.summary.items():
            made = self.metrics[label]
            value = made.printed(found.value)
            is_open = found.low is None or value == "exact"
            ends = "" if is_open else f"[{found.low:.{made.digits}f}, {found.high:.{made.digits}f}]"
            covered = f"{found.n} of {found.expected}"
            rows.append(
                {"metric": label, "value": value, "unit": made.unit, "better": made.better, "95 %": ends, "n": covered}
            )
        return Grid.of(rows)

    def __repr__(self) -> str:
        """`Evaluation(stoi=0.951, pesq_wb=1.347 (3 of 4))`."""
        parts = []
        for label, found in self.summary.items():
            value = self.metrics[label].printed(found.value)
            parts.append(f"{label}={value}" + (f" ({found.n} of {found.expected})" if found.n < found.expected else ""))
        return f"Evaluation({', '.join(parts)})"

    def _repr_html_(self) -> str:
        return self.grid.html() + "".join(f"<p>{escape(text)}</p>" for text in self.problems)


def evaluate(
    reference: Any = None,
    decoded: Any = None,
    rate: int | None = None,
    metrics: Sequence[str | Metric] | str | Metric = (),
    text: Sequence[str | None] | str | None = None,
    lengths: Any = None,
    *,
    language: str | None = None,
    speakers: Sequence[str | None] | None = None,
) -> Evaluation:
    """Scores signals that are in memory, item by item, in this process.

    Args:
        reference: The originals: NumPy arrays or tensors of any device and precision, with or without gradients, floats
            in [-1, 1] of the shape `[n]`, `[1, n]`, `[B, n]` or `[B, 1, n]`, or a list of signals; also `Audio`. None
            where no metric compares with them.
        decoded: The reconstructions, as many, aligned at sample 0; the longer of a pair is cut.
        rate: Sampling rate of both in Hz; only `Audio` needs none, and may differ in it.
        metrics: Names, e.g. `["pesq_wb", "stoi", "wer[pocketsphinx]"]`, or metrics; see `list_metrics()`.
        text: The transcript of each item, for error rates; one text for one item.
        lengths: Samples of each item that count, where a batch is padded, at `rate`.
        language: Of the texts: a code or an English name.
        speakers: Who speaks in each item, which intervals are over; by default each item counts by itself.

    Returns:
        Per-item scores, and the pooled value of each metric with interval and coverage.

    Raises:
        UsageError: There is no such metric, no rate, or the shapes do not fit.
        UnavailableError: A metric cannot run here.

    >>> import numpy as np
    >>> tone = np.sin(np.arange(16_000) / 20)
    >>> found = evaluate(np.stack([tone, tone]), np.stack([tone + 0.1, tone + 0.2]), 16_000, ["si_sdr", "lsd"])
    >>> list(found.summary), found.summary["lsd"].n, found["lsd"] > 0
    (['si_sdr', 'lsd'], 2, True)
    """
    chosen = resolve(metrics)
    if decoded is None:
        raise UsageError("there is nothing to score: evaluate(reference, decoded, rate, metrics=[...])")
    items = Items.of(reference, decoded, rate, text, lengths)
    if speakers is not None and len(speakers) != len(items):
        raise UsageError(f"speakers has one name per item, {len(items)}, and not {len(speakers)}")
    found: dict[str, list[Score]] = {label: [] for label in chosen}
    embeddings: dict[str, list[tuple[Array, Array] | None]] = {n: [] for n, made in chosen.items() if made.corpus}
    for original, copy, words in items:
        for label, made in chosen.items():
            score = made.score(original, copy, words, language)
            found[label].append(score)
            if label in embeddings:
                is_scored = score.status is Status.OK
                embeddings[label].append(embedded(made, original, copy) if is_scored else None)
    of_speakers = [None] * len(items) if speakers is None else list(speakers)
    units = cluster_names([str(item) for item in range(len(items))], of_speakers)
    summary = {
        label: pooled(made, found[label], units, embeddings.get(label), of_speakers) for label, made in chosen.items()
    }
    return Evaluation(chosen, {label: tuple(scores) for label, scores in found.items()}, summary)


def resolve(metrics: Sequence[str | Metric] | str | Metric) -> dict[str, Metric]:
    """Metrics by label, with the files of their models here.

    Raises:
        UsageError: None is named, or there is no such metric.
        UnavailableError: One cannot run here.
    """
    named = [metrics] if isinstance(metrics, str | Metric) else list(metrics)
    if not named:
        raise UsageError("name metrics, e.g. metrics=['pesq_wb', 'stoi']; codec_bench.list_metrics() lists them")
    chosen: dict[str, Metric] = {}
    for entry in named:
        made = metric(entry) if isinstance(entry, str) else entry
        if not isinstance(made, Metric):
            raise UsageError(f"a metric is a name or a Metric, not {made!r:.60}")
        if (reason := made.unsupported()) is not None:
            raise UnavailableError(f"metric {made.label} cannot run here: {reason}")
        try:
            fetch_all(made.weights, f"metric:{made.label}")
        except UnavailableError as error:
            raise UnavailableError(f"metric {made.label} cannot run here: {error}") from error
        chosen[made.label] = made
    return chosen


@dataclass(frozen=True)
class Items:
    """What is scored: pairs of recordings with their texts; one recording serves all metrics."""

    references: tuple[Recording | None, ...]
    decoded: tuple[Recording, ...]
    texts: tuple[str | None, ...]

    @classmethod
    def of(cls, reference: Any, decoded: Any, rate: int | None, text: Any = None, lengths: Any = None) -> Items:
        """Items from what `evaluate` takes.

        Raises:
            UsageError: Numbers of signals, texts or lengths differ, or a shape does not fit.
        """
        copies = recordings_of(decoded, rate, "decoded", lengths)
        originals = None if reference is None else recordings_of(reference, rate, "reference", lengths)
        if originals is not None and len(originals) != len(copies):
            raise UsageError(f"reference holds {len(originals)} signals, decoded {len(copies)}: one of each per item")
        texts = [text] if isinstance(text, str) else [None] * len(copies) if text is None else list(text)
        if len(texts) != len(copies):
            raise UsageError(f"text has one transcript per item, {len(copies)}, and not {len(texts)}")
        return cls(tuple(originals or [None] * len(copies)), tuple(copies), tuple(texts))

    def __len__(self) -> int:
        return len(self.decoded)

    def __iter__(self) -> Iterator[tuple[Recording | None, Recording, str | None]]:
        return iter(zip(self.references, self.decoded, self.texts, strict=True))


def pooled(
    made: Metric,
    scores: Sequence[Score],
    units: Sequence[str],
    embeddings: Sequence[tuple[Array, Array] | None] | None = None,
    speakers: Sequence[str | None] = (),
) -> Estimate:
    """What the scores of a metric come to, as in a run; see `stats.estimate`."""
    ok = [(score, unit) for score, unit in zip(scores, units, strict=True) if score.status is Status.OK]
    if made.corpus is not None and embeddings is not None:
        try:
            value = made.corpus_value(embeddings, speakers) if ok else None
        except NotScorable:
            value = None
        return Estimate(value, None, None, len(ok) if value is not None else 0, len(scores), 0)
    return estimate(
        [score.numerator for score, _ in ok],
        [score.denominator for score, _ in ok],
        [unit for _, unit in ok],
        expected=len(scores),
        scale=made.scale,
        share=share_of(made.unit, made.better),
    )


def embedded(made: Metric, reference: Recording | None, decoded: Recording) -> tuple[Array, Array]:
    """Both embeddings of a pair that a metric of whole sets has scored."""
    assert reference is not None, "it was scored"
    return reference.feature(made.embedding, made.rate), decoded.feature(made.embedding, made.rate)


def _listed(items: Sequence[int]) -> str:
    return ", ".join(map(str, items[:5])) + (", ..." if len(items) > 5 else "")
