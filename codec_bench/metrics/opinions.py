"""Opinion scores that a network predicts from the decoded signal alone: one metric for each thing that it judges."""

from __future__ import annotations

from functools import partial

from codec_bench.metrics import Metric, Variants, register_metric
from codec_bench.metrics.signal import Feature, Signal

_opinion = partial(register_metric, better="higher", family="mos", digits=2)


def opinion_score(
    name: str,
    output: int,
    title: str,
    note: str,
    *,
    scores: Feature,
    rate: int,
    unit: str = "MOS",
    range: tuple[float | None, float | None] = (None, None),
    variants: Variants | None = None,
    version: int = 1,
    hears_polarity: bool = False,
) -> Metric:
    """Registers one of the outputs of a network as a metric.

    Args:
        name: Name of the metric.
        output: Which one of the network's outputs it is, from 0.
        title: As of `Metric`.
        note: As of `Metric`.
        scores: The network: its outputs for a signal, `[outputs]`.
        rate: As of `Metric`.
        unit: As of `Metric`; MOS for a scale from 1 to 5.
        range: As of `Metric`.
        variants: As of `Metric`; each has other `scores`.
        version: As of `Metric`.
        hears_polarity: As of `Metric`.
    """

    def opinion(decoded: Signal, *, scores: Feature = scores) -> float:
        """Mean opinion score, nominally from 1 (bad) to 5 (excellent) unless its note names another scale.

        Args:
            decoded: The signal that is judged; its level counts.
            scores: The network.

        Raises:
            NotScorable: The network cannot judge a signal of this length.
            UnavailableError: Its weights, or what runs it, are missing.
        """
        return float(decoded[scores][output])

    register = _opinion(
        name, unit=unit, range=range, rate=rate, title=title, variants=variants, note=note, version=version,
        hears_polarity=hears_polarity,
    )  # fmt: skip
    return register(opinion)


def single_opinion_score(
    name: str,
    title: str,
    note: str,
    *,
    score: Feature,
    rate: int,
    version: int = 1,
    range: tuple[float | None, float | None] = (None, None),
    hears_polarity: bool = False,
) -> Metric:
    """Registers the only output of a network as a metric.

    Args:
        name: Name of the metric.
        title: As of `Metric`.
        note: As of `Metric`.
        score: The network: its output for a signal, 0-d.
        rate: As of `Metric`.
        version: As of `Metric`.
        range: As of `Metric`.
        hears_polarity: As of `Metric`.
    """

    def opinion(decoded: Signal, *, score: Feature = score) -> float:
        """Mean opinion score, nominally from 1 (bad) to 5 (excellent), which the network may leave.

        Args:
            decoded: The signal that is judged; its level counts.
            score: The network.

        Raises:
            NotScorable: The signal is too short.
            UnavailableError: The weights, or what runs the network, are missing.
        """
        return float(decoded[score])

    register = _opinion(
        name, unit="MOS", rate=rate, title=title, note=note, version=version, range=range,
        hears_polarity=hears_polarity,
    )  # fmt: skip
    return register(opinion)
