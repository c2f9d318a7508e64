"""Codecs as curves: BD-rate against an anchor, the anchor's bitrate that equals a system, and the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from codec_bench.comparison.bjontegaard import SMALL_OVERLAP, Curve, Method, bd_rate, bd_value, equal_rate, overlap
from codec_bench.errors import UsageError
from codec_bench.grids import Grid
from codec_bench.records import NotScorable
from codec_bench.registry import unknown
from codec_bench.reports.cells import NOTHING, TableColumn, TableRow
from codec_bench.reports.standings import DRAWS, Standing, resampled
from codec_bench.reports.ties import Contest
from codec_bench.stats import LEVEL, Floats

FRONT = "◆"
"""Marks what is on a Pareto front."""


@dataclass(frozen=True)
class Interval:
    """A value with a bootstrap interval, both infinite where it lies beyond a curve; or the reason why there is none.

    Attributes:
        reason: Why there is no value, or no interval of it.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    def shown(self, digits: int) -> str:
        """`-53.4 [-60.1, -41.0]`, or a dash; without an interval why there is none."""
        if self.value is None:
            return NOTHING
        number = f"{self.value:+.{digits}f}"
        if self.low is None or self.high is None:
            return f"{number} (no interval: {self.reason})"
        return f"{number} [{self.low:+.{digits}f}, {self.high:+.{digits}f}]"


@dataclass(frozen=True)
class Delta:
    """A codec against the anchor in one metric.

    Attributes:
        family: The codec, with its condition.
        column: The metric.
        rates: Bitrates of the anchor and of the codec.
        rate: BD-rate in percent by each method.
        value: BD-metric in the unit of the metric, positive where the codec is better, by each method.
        overlap: Share of the qualities of both that both reach; None where nothing can be said.
        n: Utterances that all of these rates scored.
    """

    family: str
    column: TableColumn
    rates: tuple[int, int]
    rate: dict[Method, Interval]
    value: dict[Method, Interval]
    overlap: float | None
    n: int

    @property
    def cannot(self) -> str:
        """Why BD-rate or BD-metric have no value; empty where both have one."""
        return "; ".join(dict.fromkeys(i.reason for m in (self.rate, self.value) if (i := m["pchip"]).value is None))


@dataclass(frozen=True)
class Sampled:
    """Values of systems in a metric, more is better: `[systems]`, and of each draw of clusters, `[draws, systems]`."""

    values: Floats
    draws: Floats
    n: int

    @classmethod
    def of(cls, contest: Contest, rows: Sequence[TableRow], column: TableColumn) -> Sampled | None:
        """The values over the utterances that all rows scored; None where they are no means of scores."""
        found = contest.sums(rows, column)
        if found is None:
            return None
        sums = np.stack([*found[0].values()], axis=2)
        sign = 1 if column.better == "higher" else -1
        tops, bottoms = (sums[:, part] @ resampled(sums.shape[2]).T for part in (0, 1))
        return cls(sign * sums[:, 0].sum(axis=1) / sums[:, 1].sum(axis=1), sign * (tops / bottoms).T, found[1])


def families_of(rows: Sequence[TableRow]) -> dict[str, list[TableRow]]:
    """Rows that differ in the setting of a codec alone, by `TableRow.family`, for those that have a bitrate."""
    found: dict[str, list[TableRow]] = {}
    for row in rows:
        if row.bitrate and not row.is_reference:
            found.setdefault(row.family, []).append(row)
    return found


def anchored(families: dict[str, list[TableRow]], anchor: str) -> list[tuple[str, list[TableRow], str, list[TableRow]]]:
    """Each family with the anchor under the same condition: name and rows of the anchor, then of the family.

    Where two runs have other values of the anchor, it is that of the family's own run.

    Raises:
        UsageError: No row is of the anchor.
    """
    codecs = sorted({rows[0].name for rows in families.values()})
    if anchor not in codecs:
        raise UsageError(unknown("codec with bitrates in these runs", anchor, codecs))
    anchors = {name: rows[0] for name, rows in families.items() if rows[0].name == anchor}
    found = []
    for name, rows in families.items():
        row = rows[0]
        alike = {n: a for n, a in anchors.items() if a.condition == row.condition}
        own = [n for n, a in alike.items() if a.run == row.run] or [*alike]
        if row.name != anchor and len(own) == 1:
            found.append((own[0], families[own[0]], name, rows))
    return found


def deltas(contest: Contest, rows: Sequence[TableRow], columns: Sequence[TableColumn], anchor: str) -> list[Delta]:
    """BD-rate and BD-metric of every codec against the anchor, in every metric that has a direction.

    Raises:
        UsageError: No row is of the anchor.
    """
    found = []
    for anchor_name, of_anchor, name, mine in anchored(families_of(rows), anchor):
        for column in (c for c in columns if c.better):
            found.append(_delta(contest, (anchor_name, of_anchor), (name, mine), column))
    return found


def _delta(
    contest: Contest, anchor: tuple[str, list[TableRow]], test: tuple[str, list[TableRow]], column: TableColumn
) -> Delta:
    sides = [(name, [r for r in rows if r.cells[column.label].value is not None]) for name, rows in (anchor, test)]
    counts = (len(sides[0][1]), len(sides[1][1]))
    both = [*sides[0][1], *sides[1][1]]
    sampled = Sampled.of(contest, both, column) if all(counts) else None
    if sampled is None:
        none = Interval(reason=_unsampled(contest, sides, column))
        return Delta(test[0], column, counts, dict.fromkeys(_METHODS, none), dict.fromkeys(_METHODS, none), None, 0)
    rates = np.array([row.bitrate for row in both])

    def curves(values: Floats) -> tuple[Curve, Curve]:
        first, end = counts[0], len(both)
        parts = ((0, first, sides[0][0]), (first, end, sides[1][0]))
        one, two = (Curve.of(rates[start:stop], values[start:stop], name) for start, stop, name in parts)
        return one, two

    def measured(function: Callable[[Curve, Curve, Method], float], method: Method) -> Interval:
        return _interval(lambda values: function(*curves(values), method), sampled)

    try:
        one, two = curves(sampled.values)
        share: float | None = overlap(one.values, two.values)
    except NotScorable:
        share = None
    return Delta(
        test[0], column, counts, {m: measured(bd_rate, m) for m in _METHODS},
        {m: measured(bd_value, m) for m in _METHODS}, share, sampled.n,
    )  # fmt: skip


def _unsampled(contest: Contest, sides: Sequence[tuple[str, list[TableRow]]], column: TableColumn) -> str:
    """Why systems have no sums over clusters."""
    if lacking := [name for name, rows in sides if not rows]:
        return f"{' and '.join(lacking)} has no values"
    return contest.why_none([row for _, rows in sides for row in rows], column)


_METHODS: tuple[Method, Method] = ("pchip", "akima")


def _interval(statistic: Callable[[Floats], float], sampled: Sampled) -> Interval:
    """A statistic of the values of systems, and its percentile interval over the draws."""
    try:
        value = statistic(sampled.values)
    except NotScorable as outcome:
        return Interval(reason=outcome.reason)
    drawn: list[float] = []
    failed: dict[str, int] = {}
    for values in sampled.draws:
        try:
            drawn.append(statistic(values))
        except NotScorable as outcome:
            failed[outcome.reason] = failed.get(outcome.reason, 0) + 1
    # An interval over the draws that went well would be about other samples than ours.
    if len(drawn) < LEVEL * len(sampled.draws):
        often = max(failed, key=lambda reason: failed[reason])
        return Interval(value, reason=f"in {sum(failed.values()) / len(sampled.draws):.0%} of the draws {often}")
    low, high = _ends(drawn)
    return Interval(value, low, high)


def _ends(drawn: Sequence[float]) -> tuple[float, float]:
    """Ends of the percentile interval, by order so that infinite ones stay what they are."""
    order = sorted(drawn)
    cut = int((1 - LEVEL) / 2 * len(order))
    return order[cut], order[-1 - cut]


def equal_rates(
    contest: Contest, rows: Sequence[TableRow], columns: Sequence[TableColumn], anchor: str
) -> dict[str, dict[str, Interval]]:
    """For every system and metric the bitrate in kbit/s at which the anchor is as good.

    It is read off the anchor's curve under the same condition, and infinite where it would lie beyond its ends.
    """
    found: dict[str, dict[str, Interval]] = {}
    for name, of_anchor, _, mine in anchored(families_of(rows), anchor):
        for row in mine:
            cells = found.setdefault(row.label, {})
            for column in (c for c in columns if c.better):
                sampled = Sampled.of(contest, [*of_anchor, row], column)
                if sampled is None:
                    cells[column.label] = Interval(reason="no scores of all utterances")
                    continue
                rates = np.array([r.bitrate for r in of_anchor])

                def equal(values: Floats, rates: Floats = rates, name: str = name) -> float:
                    return equal_rate(Curve.of(rates, values[:-1], name), values[-1])

                cells[column.label] = _interval(equal, sampled)
    return found


def equal_text(found: Interval, lowest: float, highest: float) -> str:
    """`8.1 [7.5, 8.9]`, `< 6`, `22.3 [19.8, > 24]`; a dash where the anchor has no curve."""
    if found.value is None:
        return NOTHING

    def end(value: float) -> str:
        return f"{value:.1f}" if math.isfinite(value) else f"> {highest:.1f}" if value > 0 else f"< {lowest:.1f}"

    if found.low is None or found.high is None:
        return f"{end(found.value)} (no interval)"
    if found.low == found.high:
        return end(found.value)
    return f"{end(found.value)} [{end(found.low)}, {end(found.high)}]"


def fronts(contest: Contest, rows: Sequence[TableRow], columns: Sequence[TableColumn]) -> dict[str, set[str]]:
    """Who is on the Pareto front of each metric, and under the empty name on that of all metrics together.

    A system is off the front of a metric where another one that needs no more bits is significantly better; off that of
    all, where one that needs no more bits is so in some metric and significantly worse in none.
    """
    coded = [row for row in rows if row.bitrate and not row.is_reference]
    standings = {c.label: s for c in columns if c.better and (s := Standing.of(contest, coded, c)) is not None}

    def front(labels: Sequence[str]) -> set[str]:
        def beats(one: TableRow, other: TableRow) -> bool:
            return any((one.label, other.label) in standings[label].wins for label in labels)

        known = [row for row in coded if all(row.label in standings[label].ranks for label in labels)]
        return {
            row.label
            for row in known
            if not any(
                (other.bitrate or 0) <= (row.bitrate or 0) and beats(other, row) and not beats(row, other)
                for other in known
            )
        }

    return {label: front([label]) for label in standings} | ({"": front([*standings])} if standings else {})


def rate_distortion_grids(
    contest: Contest, rows: Sequence[TableRow], columns: Sequence[TableColumn], anchor: str
) -> tuple[list[Grid], list[str]]:
    """What a report shows of all this, and the notes below it.

    Raises:
        UsageError: No row is of the anchor.
    """
    found = deltas(contest, rows, columns, anchor)
    equals = equal_rates(contest, rows, columns, anchor)
    directed = [c for c in columns if c.better]
    grids = []
    lines = [
        [
            d.family, d.column.full_title, *(d.rate[m].shown(1) for m in _METHODS),
            d.value["pchip"].shown(d.column.digits), _overlap_text(d.overlap),
            f"{d.rates[0]}, {d.rates[1]}", str(d.n), d.cannot,
        ]
        for d in found
    ]  # fmt: skip
    headings = (
        "codec", "metric", "BD-rate % (PCHIP)", "BD-rate % (Akima)", "BD-metric (PCHIP)", "overlap",
        "rates of both", "utterances", "cannot",
    )  # fmt: skip
    if lines:
        grids.append(Grid(headings, lines, f"Bits against {anchor} at equal quality", right=(5, 7), whole=(0,)))
    lines = []
    for _, of_anchor, _, mine in anchored(families_of(rows), anchor):
        ends = sorted(r.bitrate or 0 for r in of_anchor)
        for row in mine:
            cells = equals[row.label]
            lines.append(
                [row.label, row.bitrate_text, *(equal_text(cells[c.label], ends[0], ends[-1]) for c in directed)]
            )
    titles = [c.full_title for c in directed]
    if lines:
        numbers = range(1, 2 + len(titles))
        grids.append(Grid(("system", "kbps", *titles), lines, f"Equal to {anchor} at so many kbit/s", numbers, (0,)))
    grids += pareto_grids(contest, rows, directed)
    unit = f"{DRAWS} bootstrap draws of the speakers, or of the utterances where fewer than two are known"
    return grids, [
        f"BD-rate: how many percent more bits than {anchor} for the same quality, negative if fewer, averaged over the "
        f"qualities that both reach; interpolated over log bitrate, intervals are 95 % percentiles over {unit}, of the "
        f"utterances that all rates scored, at the bitrates of the table. Below {SMALL_OVERLAP:.0%} overlap it speaks "
        "of a part of the curves. BD-metric: how much better at equal bitrate.",
        f"Equal to {anchor}: read off its curve (PCHIP), never beyond its ends; {NOTHING}: it has no curve that rises, "
        "or fewer than two utterances have the scores.",
    ]


def _overlap_text(share: float | None) -> str:
    """`82%`; less than half is said."""
    if share is None:
        return NOTHING
    return f"{share:.0%}" + (" (under half)" if share < 0.5 else "")


def pareto_grids(contest: Contest, rows: Sequence[TableRow], columns: Sequence[TableColumn]) -> list[Grid]:
    """The Pareto fronts of the rows of each condition."""
    grids = []
    for condition in dict.fromkeys(row.condition for row in rows):
        coded = [r for r in rows if r.condition == condition and r.bitrate and not r.is_reference]
        on = fronts(contest, coded, columns)
        if len(coded) < 2 or not on:
            continue
        ranked = [c for c in columns if c.label in on]
        keys = [*(c.label for c in ranked), ""]
        lines = [
            [row.label, row.bitrate_text, *(FRONT if row.label in on[key] else "" for key in keys)]
            for row in sorted(coded, key=lambda r: r.bitrate or 0)
        ]
        title = "Pareto front of bitrate and quality" + (f", {condition}" if condition else "")
        grids.append(Grid(("system", "kbps", *(c.full_title for c in ranked), "all"), lines, title, (1,), (0,)))
    return grids
