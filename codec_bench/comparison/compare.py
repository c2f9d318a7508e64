"""The comparison of two runs: every pair of rows on every metric, and one verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from codec_bench.comparison import comparability
from codec_bench.comparison.decision import EXIT_CODES, Verdict, decide, overall, worsening
from codec_bench.comparison.gate import Gate, MetricLimit
from codec_bench.comparison.measurements import (
    REFERENCE,
    ComparedMetric,
    Measurements,
    SystemRow,
    UtteranceScore,
    changed_parts,
    scored_in_both,
)
from codec_bench.comparison.paired import Paired, compare_paired
from codec_bench.comparison.pairing import RowPair, find_pairs
from codec_bench.comparison.speakers import SpeakerChange, p_beyond, side_of, speakers_worse
from codec_bench.metrics import METRICS
from codec_bench.stats import cluster_names, cluster_unit, holm

WORST = 5


@dataclass(frozen=True)
class Changed:
    """An utterance that got worse: its values, and paths of the decoded audio that was kept, the candidate's last."""

    utterance: str
    baseline: float
    candidate: float
    audio: tuple[str, ...] = ()


@dataclass(frozen=True)
class MetricComparison:
    """One metric of one pair.

    Attributes:
        column: The metric; the baseline's where it has it.
        limit: How much worse it may get; None for a metric that is shown only.
        reasons: Why it is undecided or cannot be compared, or besides the difference a regression.
        paired: The difference on the utterances that both scored; None if there are none.
        corrected: p of "worse" after Holm's correction; None if no test was made.
        unit: What is independent: `speakers` or `utterances`.
        expected: Utterances in the plan of the baseline.
        worst: Utterances that got worse most, the worst first.
        speakers: Speakers who got worse, the one who did most first.
    """

    pair: RowPair
    column: ComparedMetric
    limit: MetricLimit | None
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    paired: Paired | None = None
    corrected: float | None = None
    unit: str = "utterances"
    expected: int = 0
    worst: tuple[Changed, ...] = ()
    speakers: tuple[SpeakerChange, ...] = ()


@dataclass(frozen=True, repr=False)
class Comparison:
    """Two runs side by side.

    Attributes:
        results: By pair, then by metric.
        obstacles: Why nothing can be compared.
        notes: What a reader should know.
        tests: Over how many tests the p-values are corrected.
    """

    baseline: Measurements
    candidate: Measurements
    gate: Gate
    results: tuple[MetricComparison, ...]
    verdict: Verdict
    obstacles: tuple[str, ...]
    notes: tuple[str, ...]
    tests: int

    @property
    def exit_code(self) -> int:
        """0 pass, 1 regression, 2 incomparable, 3 undecided."""
        return EXIT_CODES[self.verdict]

    def __repr__(self) -> str:
        """`Comparison(regression: 2 of 14 results; runs/a with runs/b)`."""
        decisive = f"{len(self.of(self.verdict))} of {len(self.results)} results"
        return f"Comparison({self.verdict.value}: {decisive}; {self.baseline.source} with {self.candidate.source})"

    def of(self, verdict: Verdict) -> list[MetricComparison]:
        """The results with a verdict."""
        return [r for r in self.results if r.verdict is verdict]


def compare(
    baseline: Measurements, candidate: Measurements, gate: Gate | None = None, pairs: Sequence[str] = ()
) -> Comparison:
    """Compares two runs; nothing is drawn, so the same runs give the same result.

    Args:
        baseline: What `load_measurements` read of the earlier run or of a stored baseline.
        candidate: The later run.
        gate: Limits; the defaults where there is none.
        pairs: `A=B`; see `find_pairs`.

    Raises:
        UsageError: Nothing to pair, or a gate that does not fit the metrics.
    """
    gate = gate or Gate()
    columns = {**candidate.columns, **baseline.columns}
    gate.check_names([*columns, *(c.name for c in columns.values())], METRICS.names())
    found, notes = find_pairs(baseline, candidate, pairs)
    obstacles = comparability.run_obstacles(baseline, candidate)
    results = [
        _measure(baseline, candidate, pair, column, gate.limit_of(column), obstacles)
        for pair in found
        for column in _columns(baseline, candidate, gate)
    ]
    notes += [f"{p.label}: {what}" for p in found if (what := _changes(p.baseline, p.candidate))]
    same = [p.label for p in found if p.baseline.fingerprint == p.candidate.fingerprint and p.candidate.is_known]
    if same:
        notes.append(f"codec, weights and setting are the same in both runs (equal fingerprints): {', '.join(same)}")
    if shown := [c.label for c in columns.values() if gate.limit_of(c) is None]:
        notes.append(f"without a limit, shown only: {', '.join(shown)}")
    decided, tests = _decided(results, gate.settings.alpha)
    verdict = overall([(r.verdict, r.limit is not None and r.limit.required) for r in decided])
    if not any(r.limit for r in decided):
        obstacles = [*obstacles, "no metric that is in the runs has a limit: give --gate FILE.yaml"]
    return Comparison(
        baseline, candidate, gate, tuple(decided), verdict, tuple(obstacles), tuple(dict.fromkeys(notes)), tests
    )


def _changes(before: SystemRow, after: SystemRow) -> str:
    """Which parts of a codec changed between two runs; empty where none did, or nothing is known of them."""
    if before.fingerprint == after.fingerprint:
        return "" if after.is_known else "its files are not known, so nothing says whether it is the same codec"
    changed = changed_parts(before.parts, after.parts)
    return f"changed between the runs: {changed}" if changed else ""


def _columns(baseline: Measurements, candidate: Measurements, gate: Gate) -> list[ComparedMetric]:
    """All metrics of the baseline, those of the candidate that the gate names, and those that neither has."""
    columns = list(baseline.columns.values())
    for column in candidate.columns.values():
        named = column.label in gate.entries or column.name in gate.entries
        # A variant of a metric that the baseline has in another variant is reported there.
        if column.label not in baseline.columns and named and column.name not in {c.name for c in columns}:
            columns.append(column)
    there = {c.label for c in columns} | {c.name for c in columns}
    return columns + [gate.stand_in(key) for key in gate.entries if key not in there]


def _measure(
    baseline: Measurements,
    candidate: Measurements,
    pair: RowPair,
    column: ComparedMetric,
    limit: MetricLimit | None,
    obstacles: Sequence[str],
) -> MetricComparison:
    """The difference in one metric, what stands against comparing it, and what was lost; `_decided` does the rest."""
    left = baseline.of(pair.baseline.label, column.label)
    right = candidate.of(pair.candidate.label, column.label)
    both = sorted(scored_in_both(left, right))
    speakers = [baseline.speakers.get(u) for u in both]
    different = comparability.column_obstacles(baseline, candidate, column.label)
    found = MetricComparison(
        pair,
        column,
        limit,
        Verdict.SHOWN,
        tuple(different),
        unit=cluster_unit(speakers),
        expected=len(left) or int(baseline.dataset["utterances"]),
    )
    if both and not different:
        clusters = cluster_names(both, speakers)
        found = replace(
            found,
            paired=compare_paired(side_of(left, both), side_of(right, both), clusters, scale=column.scale),
            worst=_worst(baseline, candidate, pair, column, left, right, both),
            speakers=tuple(speakers_worse(left, right, both, baseline.speakers, column)),
        )
    if limit is None:
        return found
    against = [*obstacles, *comparability.pair_obstacles(baseline, candidate, pair), *different]
    if not different:
        against += comparability.nothing_scored(left)
        if pair.baseline.system != REFERENCE:
            against += comparability.drift_obstacles(baseline, candidate, column, limit)
    if against:
        return replace(found, verdict=Verdict.INCOMPARABLE, reasons=tuple(against))
    if lost := comparability.lost_coverage(left, right, limit):
        return replace(found, verdict=Verdict.REGRESSION, reasons=(lost,))
    if not both:
        return replace(found, verdict=Verdict.UNDECIDED, reasons=("no utterance has a score in both",))
    return found


def _decided(results: Sequence[MetricComparison], alpha: float) -> tuple[list[MetricComparison], int]:
    """The results with their verdicts: the correction needs all tests at once."""
    p_values: dict[tuple[int, str], float] = {}
    for index, result in enumerate(results):
        paired, limit = result.paired, result.limit
        if limit is None or paired is None or result.verdict is Verdict.INCOMPARABLE:
            continue
        found = worsening(paired, limit)
        p_values[index, "mean"] = 1.0 if found is None else found.p
        if limit.worst_speaker is not None and result.unit == "speakers":
            beyond = p_beyond(result.speakers, limit.worst_speaker, paired.clusters)
            p_values[index, "speaker"] = 1.0 if beyond is None else beyond
    corrected = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    decided = list(results)
    for (index, what), p in corrected.items():
        result = decided[index]
        assert result.paired is not None
        assert result.limit is not None
        if what == "speaker":
            if p <= alpha:
                reason = f"the worst speaker got worse by more than {result.limit.worst_speaker:g} (p = {p:.2g})"
                decided[index] = replace(result, verdict=Verdict.REGRESSION, reasons=(*_kept(result), reason))
            continue
        verdict, reasons = decide(result.paired, result.limit, p, alpha, result.unit)
        if result.verdict is Verdict.REGRESSION:  # utterances lost their score, whatever the others say
            verdict, reasons = Verdict.REGRESSION, result.reasons
        decided[index] = replace(result, verdict=verdict, reasons=reasons, corrected=p)
    return decided, len(corrected)


def _kept(result: MetricComparison) -> tuple[str, ...]:
    """The reasons of a regression; those of a mean that could not be decided are beside the point."""
    return result.reasons if result.verdict is Verdict.REGRESSION else ()


def _worst(
    baseline: Measurements,
    candidate: Measurements,
    pair: RowPair,
    column: ComparedMetric,
    left: Mapping[str, UtteranceScore],
    right: Mapping[str, UtteranceScore],
    both: Sequence[str],
) -> tuple[Changed, ...]:
    if not column.better:
        return ()
    sign = 1 if column.better == "lower" else -1
    before, after = (
        {u: column.scale * side[u].numerator / side[u].denominator for u in both} for side in (left, right)
    )
    change = {u: sign * (after[u] - before[u]) for u in both}
    worst = sorted((u for u in both if change[u] > 0), key=lambda u: (-change[u], u))[:WORST]
    rows = ((baseline, pair.baseline.label), (candidate, pair.candidate.label))
    found = []
    for u in worst:
        paths = [measured.audio_of(label, u) for measured, label in rows]
        found.append(Changed(u, before[u], after[u], tuple(str(path) for path in paths if path is not None)))
    return tuple(found)
