"""The rule by which a metric passes, has got worse, or cannot be decided.

With `w` the worsening (the difference against the direction that is better), `T` the limit of the gate and `U` the end
of the interval of `w` on its worse side:

- **regression**: `w > T`, and the t test finds the candidate worse (`p <= alpha` after Holm's correction over all
  pairs and metrics with a limit). So nothing smaller than the limit is ever reported, and of equal systems at most a
  share `alpha` of whole comparisons is.
- **pass**: `U <= T`. The data exclude a worsening beyond the limit.
- **undecided**: all else. The sample is too small or the scores too noisy to say either.

The test is against "not worse at all", and not against "not worse by more than the limit": with a limit of 0.03 the
latter finds a true drop of 0.05 on 200 utterances only where the noise is tiny. The price: a system that is worse by
exactly the limit fails about every second time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from codec_bench.comparison.gate import MetricLimit
from codec_bench.comparison.measurements import ComparedMetric
from codec_bench.comparison.paired import Paired


class Verdict(str, Enum):
    """What a metric of a pair came to."""

    REGRESSION = "regression"
    UNDECIDED = "undecided"
    PASS = "pass"  # noqa: S105 - no password
    SHOWN = "shown"
    """It has no limit."""


EXIT_CODES = {Verdict.PASS: 0, Verdict.REGRESSION: 1, Verdict.UNDECIDED: 3}


@dataclass(frozen=True)
class Worsening:
    """A difference as the gate sees it: positive is worse, in the unit of the limit; so is `high` of its interval.

    `p` is one-sided: that such a worsening arises between equal systems.
    """

    value: float
    low: float
    high: float
    p: float


def worsening(paired: Paired, limit: MetricLimit) -> Worsening | None:
    """How much worse the candidate is; None if a relative limit has no baseline to relate to."""
    value, low, high = paired.difference, paired.low, paired.high
    if limit.relative:
        if paired.relative is None or paired.relative_low is None or paired.relative_high is None:
            return None
        value, low, high = (100 * x for x in (paired.relative, paired.relative_low, paired.relative_high))
    if limit.max_increase:
        return Worsening(value, low, high, paired.p_higher)
    return Worsening(-value, -high, -low, paired.p_lower)


def decide(paired: Paired, limit: MetricLimit, corrected: float, alpha: float) -> tuple[Verdict, tuple[str, ...]]:
    """Decides on one metric that is comparable and has enough utterances.

    Args:
        paired: The difference.
        limit: How much worse it may get.
        corrected: p after Holm's correction.
        alpha: Significance level of the whole comparison.

    Returns:
        The verdict, and why where it is undecided.
    """
    found = worsening(paired, limit)
    if found is None:
        if paired.difference == 0:
            return Verdict.PASS, ()
        return Verdict.UNDECIDED, ("the baseline is 0, so that a change in percent says nothing; use another unit",)
    slack = 1e-9 * max(1.0, abs(paired.baseline))
    beyond = found.value > limit.threshold + slack
    if beyond and corrected <= alpha:
        return Verdict.REGRESSION, ()
    if found.high <= limit.threshold + slack:
        return Verdict.PASS, ()
    if not beyond:
        reason = _needs_more(paired, found, limit)
    else:
        reason = f"worse by more than the limit, but that may be chance (p = {corrected:.2g} after Holm's correction)"
    return Verdict.UNDECIDED, (reason,)


def _needs_more(paired: Paired, found: Worsening, limit: MetricLimit) -> str:
    """What is missing for a decision; intervals shrink with the square root of the sample."""
    text = f"a worsening beyond the limit is neither shown nor excluded (it may be {found.high:.3g})"
    room, reach = limit.threshold - max(found.value, 0.0), found.high - found.value
    if room > 0 and reach > 0:
        wanted = math.ceil(paired.n * (reach / room) ** 2)
        if wanted <= 100 * paired.n:
            digits = max(0, len(str(wanted)) - 2)
            text += f"; about {math.ceil(wanted / 10**digits) * 10**digits} utterances would tell"
    return text


def overall(verdicts: Sequence[tuple[Verdict, bool]]) -> Verdict:
    """The verdict of a comparison, by that on each metric and whether it has to be decided.

    `REGRESSION` where there is any; `UNDECIDED` where a required metric is, or where nothing at all was decided.
    """
    limited = [(v, required) for v, required in verdicts if v is not Verdict.SHOWN]
    if any(v is Verdict.REGRESSION for v, _ in limited):
        return Verdict.REGRESSION
    if any(v is Verdict.UNDECIDED and required for v, required in limited):
        return Verdict.UNDECIDED
    return Verdict.PASS if any(v is Verdict.PASS for v, _ in limited) else Verdict.UNDECIDED


def is_better(paired: Paired, column: ComparedMetric) -> bool:
    """Whether the interval excludes that the candidate is as good or worse."""
    return {"higher": paired.low > 0, "lower": paired.high < 0}.get(column.better, False)
