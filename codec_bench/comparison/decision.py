"""The rule by which a metric passes, has got worse, cannot be decided, or cannot be compared at all.

With `w` the worsening (the difference against the direction that is better), `T` the limit of the gate and `U` the end
of the interval of `w` on its worse side:

- **regression**: `w > T`, and the t test finds the candidate worse (`p <= alpha` after Holm's correction over all
  pairs and metrics with a limit). So nothing smaller than the limit is ever reported, and of equal systems at most a
  share `alpha` of whole comparisons is. Or utterances lost their score, more of them than the gate allows.
- **pass**: `U <= T`, and both sides scored as many utterances as the gate wants. The candidate is not worse by more
  than the limit (one-sided, 2.5 %); that is not equality.
- **undecided**: all else. The sample is too small or the scores too noisy to say either.
- **incomparable**: the two runs measured different things.

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
from codec_bench.stats import FEW_CLUSTERS, LEVEL, t_quantile

POWER = 0.8
"""With this chance a set of the size that is asked for decides, if the difference is as large as it looks."""

MOST_SPEAKERS = 10_000
"""No set is asked for that has more."""


class Verdict(str, Enum):
    """What a metric of a pair came to."""

    REGRESSION = "regression"
    INCOMPARABLE = "incomparable"
    UNDECIDED = "undecided"
    PASS = "pass"  # noqa: S105 - no password
    SHOWN = "shown"
    """It has no limit."""


EXIT_CODES = {Verdict.PASS: 0, Verdict.REGRESSION: 1, Verdict.INCOMPARABLE: 2, Verdict.UNDECIDED: 3}


@dataclass(frozen=True)
class Worsening:
    """A difference as the gate sees it: positive is worse, in the unit of the limit; so are the ends of its interval.

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


def decide(
    paired: Paired, limit: MetricLimit, corrected: float, alpha: float, unit: str
) -> tuple[Verdict, tuple[str, ...]]:
    """Decides on one metric that is comparable.

    Args:
        paired: The difference.
        limit: How much worse it may get.
        corrected: p after Holm's correction.
        alpha: Significance level of the whole comparison.
        unit: What the interval is over: `speakers` or `utterances`.

    Returns:
        The verdict, and why where it is undecided.
    """
    least = max(limit.min_utterances, 2)  # one utterance shows no spread
    too_few = (
        f"too few utterances: {paired.n} scored in both, at least {least} are needed; "
        "repeat both runs with more of them"
    )
    found = worsening(paired, limit)
    if found is None:
        return (Verdict.UNDECIDED, (too_few,)) if paired.n < 2 else _without_percentage(paired, unit)
    slack = 1e-9 * max(1.0, abs(paired.baseline))
    beyond = found.value > limit.threshold + slack
    if beyond and corrected <= alpha:
        return Verdict.REGRESSION, ()
    if paired.n < least:
        return Verdict.UNDECIDED, (too_few,)
    if found.high <= limit.threshold + slack:
        return Verdict.PASS, ()
    if beyond:
        reason = f"worse by more than the limit, but that may be chance (p = {corrected:.2g} after Holm's correction)"
        # What the correction makes of alpha: as if the other tests stayed as they are.
        level, room = 1 - 2 * alpha * min(1.0, found.p / corrected), found.value
    else:
        reason = f"a worsening beyond the limit is neither shown nor excluded (it may be {found.high:.3g})"
        level, room = LEVEL, limit.threshold - max(found.value, 0.0)
    return Verdict.UNDECIDED, (f"{reason}; {_enough(paired, found, room, level, unit)}",)


def _without_percentage(paired: Paired, unit: str) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict under a limit in percent of a baseline that is, or may be, 0."""
    if paired.difference == 0:
        return Verdict.PASS, ()
    where = f" without one of the {unit}" if paired.baseline else ""
    return Verdict.INCOMPARABLE, (
        f"the baseline is 0{where}, so that a change in percent says nothing; use another unit",
    )


def _enough(paired: Paired, found: Worsening, room: float, level: float, unit: str) -> str:
    """How large a set would decide, from the noise of this one.

    It is so large that a difference `room` away from what it is held against is told with a chance of `POWER`.
    """
    # The ends of the interval are in the unit of the limit, the standard error in that of the metric.
    error = (found.high - found.low) / 2 / t_quantile(paired.effective)
    spread = error * math.sqrt(paired.effective)
    wanted = next(
        (
            k
            for k in _sizes(int(paired.effective))
            if (t_quantile(k, level) + t_quantile(k, 2 * POWER - 1)) * spread <= room * math.sqrt(k)
        ),
        None,
    )
    if wanted is None or not math.isfinite(error):
        return "the difference is so near the limit that no set would tell"
    each = paired.n / paired.clusters
    utterances = _rounded_up(wanted * each)
    if unit == "utterances":
        return f"about {utterances} utterances would decide"
    return f"about {wanted} speakers with {each:.0f} utterances each ({utterances} in all) would decide"


def _sizes(least: int) -> list[int]:
    """Numbers of speakers to try, in steps of a tenth."""
    sizes = [max(2, least)]
    while sizes[-1] < MOST_SPEAKERS:
        sizes.append(_rounded_up(max(sizes[-1] + 1, 1.1 * sizes[-1])))
    return sizes


def _rounded_up(number: float) -> int:
    """Two digits are enough for what is a guess.

    >>> _rounded_up(7.2), _rounded_up(1234)
    (8, 1300)
    """
    whole = math.ceil(number)
    step = int(10 ** max(0, len(str(whole)) - 2))
    return math.ceil(whole / step) * step


def overall(verdicts: Sequence[tuple[Verdict, bool]]) -> Verdict:
    """The verdict of a comparison, by that on each metric and whether it has to be decided.

    `REGRESSION` where there is any; else `INCOMPARABLE` or `UNDECIDED` where a required metric is, or where nothing at
    all was decided.
    """
    limited = [(v, required) for v, required in verdicts if v is not Verdict.SHOWN]
    needed = {v for v, required in limited if required}
    if any(v is Verdict.REGRESSION for v, _ in limited):
        return Verdict.REGRESSION
    if Verdict.INCOMPARABLE in needed or not limited:
        return Verdict.INCOMPARABLE
    if Verdict.UNDECIDED in needed:
        return Verdict.UNDECIDED
    if any(v is Verdict.PASS for v, _ in limited):
        return Verdict.PASS
    return Verdict.UNDECIDED if any(v is Verdict.UNDECIDED for v, _ in limited) else Verdict.INCOMPARABLE


def is_better(paired: Paired, column: ComparedMetric) -> bool:
    """Whether the interval excludes that the candidate is as good or worse."""
    return {"higher": paired.low > 0, "lower": paired.high < 0}.get(column.better, False)


def few_speakers(paired: Paired, unit: str) -> str:
    """What a reader should know of a result over few speakers; empty where they are enough."""
    if unit == "utterances":
        return "over utterances, as fewer than two speakers are known: about these speakers only"
    if paired.clusters < FEW_CLUSTERS:
        return f"over {paired.clusters} speakers: more would decide smaller differences"
    return ""
