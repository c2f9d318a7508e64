"""Every metric as a `torchmetrics.Metric`: for `self.log` of Lightning, `accelerate`, or a loop of one's own.

>>> import torch
>>> from codec_bench.torchmetrics import CodecMetric
>>> lsd = CodecMetric("lsd", rate=16_000)
>>> noise = torch.rand(2, 16_000) - 0.5
>>> lsd.update(0.5 * noise, noise)
>>> round(float(lsd.compute()), 2), lsd.coverage
(6.02, (2, 2))
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from typing_extensions import override

from codec_bench.errors import UnavailableError, UsageError
from codec_bench.evaluation import Items, embedded, resolve
from codec_bench.metrics import Metric, metric
from codec_bench.metrics.batches import checked_rate
from codec_bench.records import NotScorable, Status

try:
    import torchmetrics
except ImportError as error:
    raise UnavailableError("torchmetrics is not installed: pip install 'codec-bench[torchmetrics]'") from error


class CodecMetric(torchmetrics.Metric):
    """A metric of codec-bench as a `torchmetrics.Metric`; what it computes is what a run computes.

    Sums of numerators and denominators are its state, so that what several processes saw is pooled exactly, however the
    batches were dealt out. Items without a value (silence, too short, no transcript) are left out and counted:
    `coverage` says how many are in, and `compute` warns where some are not.

    Args:
        name: As on a command line: `pesq_wb`, `gpe[praat]`, `wer[pocketsphinx]`, `mine:clipped`.
        rate: Sampling rate in Hz of what `update` is given.
        **options: Those of `torchmetrics.Metric`, e.g. `sync_on_compute`.

    Raises:
        UsageError: There is no such metric.
        UnavailableError: It cannot run here.
    """

    is_differentiable = False
    full_state_update = False
    numerator: torch.Tensor
    denominator: torch.Tensor
    scored: torch.Tensor
    expected: torch.Tensor
    references: Any
    copies: Any

    def __init__(self, name: str, rate: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        ((self.label, made),) = resolve(name).items()
        self.spelling = made.spelling
        self.rate = checked_rate(rate)
        self.reasons: dict[str, int] = {}
        for state in ("numerator", "denominator"):
            self.add_state(state, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        for state in ("scored", "expected"):
            self.add_state(state, torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        if made.corpus is not None:
            self.add_state("references", [], dist_reduce_fx="cat")
            self.add_state("copies", [], dist_reduce_fx="cat")

    @property
    def metric(self) -> Metric:
        """What it computes; made of its name, so that a copy for another process needs nothing else."""
        return metric(self.spelling)

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override] # which torchmetrics knows as a class attribute
        """Whether more is better."""
        return self.metric.better == "higher"

    @override
    def update(
        self,
        preds: torch.Tensor,
        target: torch.Tensor | None = None,
        text: Sequence[str | None] | str | None = None,
        lengths: torch.Tensor | Sequence[int] | None = None,
        language: str | None = None,
    ) -> None:
        """Scores a batch; nothing flows back through it.

        Args:
            preds: What was decoded, `[n]`, `[1, n]`, `[B, n]` or `[B, 1, n]`, floats in [-1, 1], on any device.
            target: The recordings, of the same shape; None for metrics that need none.
            text: Transcripts, for error rates.
            lengths: Samples of each item that count, where a batch is padded, `[B]`.
            language: Of the texts.

        Raises:
            UsageError: The shapes do not fit.
        """
        made = self.metric
        for original, copy, words in Items.of(target, preds, self.rate, text, lengths):
            score = made.score(original, copy, words, language)
            self.expected += 1
            if score.status is not Status.OK:
                self.reasons[score.reason] = self.reasons.get(score.reason, 0) + 1
                continue
            self.scored += 1
            self.numerator += score.numerator
            self.denominator += score.denominator
            if made.corpus is not None:
                pair = [torch.from_numpy(values).to(self.device) for values in embedded(made, original, copy)]
                self.references.append(pair[0])
                self.copies.append(pair[1])

    @override
    def compute(self) -> torch.Tensor:
        """The pooled value in the unit of the metric, over all processes; NaN where nothing has one."""
        if (missing := int(self.expected - self.scored)) > 0:
            why = f": {max(self.reasons, key=lambda reason: self.reasons[reason])}" if self.reasons else ""
            warnings.warn(f"{self.label}: {missing} of {int(self.expected)} items have no value{why}", stacklevel=2)
        if self.metric.corpus is not None:
            return self._of_corpus()
        if not self.scored:
            return torch.tensor(float("nan"), device=self.device)
        return (self.metric.scale * self.numerator / self.denominator).to(torch.float32)

    def _of_corpus(self) -> torch.Tensor:
        """The value of the whole set, whose embeddings are one list here, or one tensor once processes were joined."""
        sides = [side if isinstance(side, list) else [side] for side in (self.references, self.copies)]
        try:
            pairs = [(a.cpu().numpy(), b.cpu().numpy()) for a, b in zip(*sides, strict=True)]
            value = self.metric.corpus_value(pairs, [None] * len(pairs))
        except (NotScorable, IndexError) as error:
            warnings.warn(f"{self.label} has no value: {error or 'nothing was scored'}", stacklevel=3)
            value = float("nan")
        return torch.tensor(value, dtype=torch.float32, device=self.device)

    @property
    def coverage(self) -> tuple[int, int]:
        """How many items have a value, and how many there were; of this process until `compute` has joined them."""
        return int(self.scored), int(self.expected)

    @override
    def reset(self) -> None:
        super().reset()
        self.reasons = {}

    @override
    def set_dtype(self, dst_type: Any) -> CodecMetric:
        """Sums stay float64: those of thousands of utterances have no room in less."""
        return self


def collection(names: Sequence[str], rate: int, prefix: str | None = None) -> torchmetrics.MetricCollection:
    """Several metrics at once, by their labels, for `self.log_dict`.

    Raises:
        UsageError: There is no such metric, or none is named.
    """
    if isinstance(names, str) or not names:
        raise UsageError("a collection takes a list of names, e.g. ['pesq_wb', 'stoi']")
    made: dict[str, torchmetrics.Metric | torchmetrics.MetricCollection]
    made = {metric.label: metric for metric in (CodecMetric(name, rate) for name in names)}
    return torchmetrics.MetricCollection(made, prefix=prefix, compute_groups=False)
