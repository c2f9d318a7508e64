"""What a comparison says, as plain text; how it is laid out is up to each format."""

from __future__ import annotations

from collections.abc import Sequence

from codec_bench.comparison.compare import Changed, Comparison, MetricComparison
from codec_bench.comparison.decision import Verdict, few_speakers, is_better
from codec_bench.stats import LEVEL

HEADINGS = ("system", "metric", "baseline", "candidate", f"difference [{LEVEL:.0%}]", "limit", "p", "n", "verdict")

WORDS = {
    Verdict.REGRESSION: "REGRESSION",
    Verdict.INCOMPARABLE: "not comparable",
    Verdict.UNDECIDED: "cannot decide",
    Verdict.PASS: "pass",
    Verdict.SHOWN: "no limit",
}
ORDER = (Verdict.REGRESSION, Verdict.INCOMPARABLE, Verdict.UNDECIDED, Verdict.PASS, Verdict.SHOWN)
TITLES = {
    Verdict.REGRESSION: "Regression",
    Verdict.INCOMPARABLE: "Cannot compare",
    Verdict.UNDECIDED: "Needs more data",
    Verdict.PASS: "Pass",
}

TWO_SIDED = (
    "An interval that holds 0 beside a regression contradicts nothing: intervals leave out 2.5 % at either end, the "
    "test asks for one side alone, at {:g} %."
)


def lines(comparison: Comparison) -> list[tuple[tuple[str, ...], Verdict]]:
    """Cells under `HEADINGS` with their verdict: the pair with the worst one first, and of each its worst metric."""
    worst: dict[str, int] = {}
    for result in comparison.results:
        rank = ORDER.index(result.verdict)
        worst[result.pair.label] = min(rank, worst.get(result.pair.label, rank))
    place = {label: number for number, label in enumerate(worst)}
    ordered = sorted(
        comparison.results, key=lambda r: (worst[r.pair.label], place[r.pair.label], ORDER.index(r.verdict))
    )
    return [(_cells(r), r.verdict) for r in ordered]


def headline(comparison: Comparison) -> str:
    """`Regression: 2 of 12 limits are broken, 1 cannot be decided.`"""
    limited = [r for r in comparison.results if r.limit is not None]
    broken = len(comparison.of(Verdict.REGRESSION))
    parts = [
        f"{broken} of {len(limited)} limits broken" if broken else "",
        f"{len(comparison.of(Verdict.PASS))} kept",
    ]
    for verdict, words in ((Verdict.INCOMPARABLE, "compared"), (Verdict.UNDECIDED, "decided")):
        required = [r.limit.required for r in comparison.of(verdict) if r.limit is not None]
        for count, which in ((sum(required), ""), (len(required) - sum(required), "not required ")):
            parts.append(f"{count} {which}cannot be {words}" if count else "")
    text = ", ".join(part for part in parts if part) if limited else "no limit applies"
    return f"{TITLES[comparison.verdict]}: {text}."


def sources(comparison: Comparison) -> str:
    """What was compared with what."""
    return f"Baseline {comparison.baseline.described}; candidate {comparison.candidate.described}."


def explanations(comparison: Comparison) -> list[str]:
    """Why the results are what they are, the reasons of the whole first; equal reasons share a line."""
    found = list(comparison.obstacles)
    by_reason: dict[str, list[MetricComparison]] = {}
    for result in comparison.results:
        for reason in result.reasons:
            if reason not in comparison.obstacles:
                by_reason.setdefault(reason, []).append(result)
    for reason, results in by_reason.items():
        found.append(f"{_named(comparison, results)}: {reason}")
    return found


def footnotes(comparison: Comparison) -> list[str]:
    """How the numbers were made, and what else a reader should know."""
    over = _bases(comparison.results)
    tested = f"p: one-sided, that the candidate is worse, Holm-corrected over {comparison.tests} tests. "
    few = dict.fromkeys(few_speakers(r.paired, r.unit) for r in comparison.results if r.paired is not None)
    holds_zero = any(
        r.paired is not None and r.paired.low <= 0 <= r.paired.high for r in comparison.of(Verdict.REGRESSION)
    )
    return [
        *comparison.notes,
        *(f"The result is {text}." for text in few if text),
        *([TWO_SIDED.format(100 * comparison.gate.settings.alpha)] if holds_zero else []),
        f"{LEVEL:.0%} intervals and p: t over {' or '.join(over)}. " * bool(over)
        + tested * bool(comparison.tests)
        + f"A regression is worse, and measured beyond the limit, with p ≤ {comparison.gate.settings.alpha:g}, or has "
        "lost scores. A pass is not worse by more than the limit (one-sided, 2.5 %), which is not equality. Limits: "
        f"{comparison.gate.source}.",
    ]


def _bases(results: Sequence[MetricComparison]) -> list[str]:
    """`13 speakers (as good as 7.9 to 9.1 of equal size)`: each number once, for metrics weigh differently."""
    effective: dict[tuple[int, str], list[float]] = {}
    for result in results:
        if result.paired is not None:
            effective.setdefault((result.paired.clusters, result.unit), []).append(result.paired.effective)
    found = []
    for (count, unit), sizes in effective.items():
        ends = dict.fromkeys(f"{end:.1f}" for end in (min(sizes), max(sizes)))
        alike = "" if min(sizes) > count - 0.05 else f" (as good as {' to '.join(ends)} of equal size)"
        found.append(f"{count} {unit if count > 1 else unit.removesuffix('s')}{alike}")
    return found


def worst_lists(comparison: Comparison) -> list[tuple[str, Sequence[Changed]]]:
    """The utterances that changed most, for every metric that regressed."""
    return [(f"{r.pair.label}, {r.column.heading}", r.worst) for r in comparison.of(Verdict.REGRESSION) if r.worst]


def worst_speakers(comparison: Comparison) -> list[str]:
    """`opus@6000: PESQ-wb −0.129 (speaker 1094, n 6), ...`: who got worse most, for each pair."""
    found: dict[str, list[str]] = {}
    for result in comparison.results:
        if result.limit is not None and result.speakers:
            found.setdefault(result.pair.label, []).append(f"{result.column.heading} {_worst_speaker(result)}")
    return [f"{label}: {', '.join(texts)}" for label, texts in found.items()]


def _worst_speaker(result: MetricComparison) -> str:
    worst = result.speakers[0]
    return f"{signed(worst.difference, result.column.digits)} (speaker {worst.speaker}, n {worst.n})"


def message(result: MetricComparison) -> str:
    """One line on a result, for a log or a test report."""
    if result.verdict in (Verdict.UNDECIDED, Verdict.INCOMPARABLE):
        return "; ".join(result.reasons)
    _, _, before, after, difference, limit, p, n, _ = _cells(result)
    worst = f", worst speaker {_worst_speaker(result)}" if result.speakers else ""
    return "; ".join([f"{before} → {after}, {difference}, limit {limit}, p {p}{worst}, n {n}", *result.reasons])


def signed(value: float, digits: int) -> str:
    """A number with its sign; a true minus, and no `−0.000`."""
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text if float(f"{value:.{digits}f}") else text.lstrip("+−")


def _cells(result: MetricComparison) -> tuple[str, ...]:
    column, paired, limit = result.column, result.paired, result.limit
    digits = column.digits
    n = f"{paired.n if paired else 0} of {result.expected}"
    verdict = WORDS[result.verdict]
    if result.verdict in (Verdict.UNDECIDED, Verdict.INCOMPARABLE) and limit is not None and not limit.required:
        verdict += " (not required)"
    limited = limit.described if limit is not None else "–"
    heading = " ".join(part for part in (column.heading, column.unit) if part)
    if paired is None:
        return (result.pair.label, heading, "–", "–", "–", limited, "–", n, verdict)
    if result.verdict in (Verdict.PASS, Verdict.SHOWN) and is_better(paired, column):
        verdict += ", better"
    if result.verdict is Verdict.PASS and result.unit == "utterances":
        verdict += ", of these speakers"
    difference = signed(paired.difference, digits)
    if limit is not None and limit.relative and paired.relative is not None:
        difference += f" ({signed(100 * paired.relative, 1)} %)"
    if paired.clusters > 1:
        difference += f" [{signed(paired.low, digits)}, {signed(paired.high, digits)}]"
    p = "–" if result.corrected is None else "<0.001" if result.corrected < 0.001 else f"{result.corrected:.3f}"
    values = (f"{paired.baseline:.{digits}f}", f"{paired.candidate:.{digits}f}")
    return (result.pair.label, heading, *values, difference, limited, p, n, verdict)


def _named(comparison: Comparison, results: Sequence[MetricComparison]) -> str:
    """The metrics that a reason is about; with their systems where not all pairs have it."""
    pairs = list(dict.fromkeys(r.pair.label for r in comparison.results))
    labels = list(dict.fromkeys(r.column.label for r in results))
    about = list(dict.fromkeys(r.pair.label for r in results))
    if len(pairs) == 1 or (about == pairs and len(results) == len(pairs) * len(labels)):
        return ", ".join(labels)
    return f"{', '.join(about)}: {', '.join(labels)}"
