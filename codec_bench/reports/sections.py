"""Which systems are compared with each other, and which of them is best."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from codec_bench.errors import UsageError
from codec_bench.options import BANDS, band_edges, falling
from codec_bench.reports.cells import Section, TableColumn, TableRow
from codec_bench.reports.ties import Contest

RANKED_COVERAGE = 0.95
"""A value over a smaller share of the utterances is shown, but cannot be among the best."""

GROUP_ORDER = ("semantic", "acoustic", "classic")


def sections_of(
    rows: Sequence[TableRow],
    columns: Sequence[TableColumn],
    conditions: Sequence[str],
    bands: Sequence[float] = BANDS,
    contest: Contest | None = None,
) -> tuple[Section, ...]:
    """Rows by condition, bitrate and kind, the reference first, with the best of each section marked.

    Args:
        rows: All rows of a table.
        columns: Its columns.
        conditions: Labels in the order in which their rows follow the clean ones.
        bands: Edges of the bitrate groups in kbit/s, falling; see `band_of`.
        contest: Finds who is not significantly worse than the best value, and is marked too; without it nobody is.
    """
    sections: list[Section] = []
    for condition in ["", *conditions]:
        suffix = f", {condition}" if condition else ""
        members = [r for r in rows if r.condition == condition]
        reference = tuple(r for r in members if r.group == "reference")
        sections += [Section(f"reference{suffix}", reference)] if reference else []
        continuous = sorted((r for r in members if r.group == "continuous"), key=lambda r: by_number(r.label))
        if continuous:
            sections.append(Section(f"continuous, no bitrate{suffix}", tuple(marked(continuous, columns, contest))))
        for band in [*band_names(bands), "bitrate not known"]:
            for group in GROUP_ORDER:
                found = [r for r in members if r.group == group and band_of(r.bitrate, bands) == band]
                found.sort(key=lambda r: (-(r.bitrate or 0), by_number(r.label)))
                if found:
                    sections.append(Section(f"{band}, {group}{suffix}", tuple(marked(found, columns, contest))))
    return tuple(sections)


def by_number(label: str) -> list[str | int]:
    """What to sort labels by, so that numbers in them rise.

    >>> sorted(["codec[hidden 10]", "codec[hidden 2]"], key=by_number)
    ['codec[hidden 2]', 'codec[hidden 10]']
    """
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"(\d+)", label))]


def band_names(bands: Sequence[float]) -> list[str]:
    """Names of the bitrate groups, highest first.

    >>> band_names([2, 0.85, 0.65])
    ['> 2 kbps', '0.85-2 kbps', '0.65-0.85 kbps', '< 0.65 kbps']
    """
    if not bands:
        return ["all bitrates"]
    middle = [f"{low:g}-{high:g} kbps" for high, low in pairwise(bands)]
    return [f"> {bands[0]:g} kbps", *middle, f"< {bands[-1]:g} kbps"]


def parse_bands(text: str) -> tuple[float, ...]:
    """Edges as a command line has them; an empty text is one group, `paper` has those of the paper.

    Raises:
        UsageError: They are not positive, falling numbers.

    >>> parse_bands("2, 0.85"), parse_bands(""), parse_bands("paper")
    ((2.0, 0.85), (), (2.0, 0.85, 0.65))
    """
    try:
        return tuple(falling([float(part) for part in band_edges(text)]))
    except ValueError:
        raise UsageError(f"bands are positive and falling, e.g. 2,0.85,0.65, not {text!r}") from None


def band_of(bitrate: float | None, bands: Sequence[float]) -> str:
    """The group of a bitrate in kbit/s.

    As in the paper, 2 kbit/s are in `0.85-2` and 0.65 kbit/s in `0.65-0.85`: the first edge and all from 2 kbit/s on
    belong to the group below, every other one to that above.

    >>> [band_of(kbps, [8, 4, 2]) for kbps in (9, 8.0, 2.1, 2.0)]
    ['> 8 kbps', '4-8 kbps', '2-4 kbps', '< 2 kbps']
    >>> [band_of(kbps, [2, 0.85, 0.65]) for kbps in (2.0, 0.85, 0.65, 0.43)]
    ['0.85-2 kbps', '0.85-2 kbps', '0.65-0.85 kbps', '< 0.65 kbps']
    """
    names = band_names(bands)
    if bitrate is None:
        return "bitrate not known"
    if not bands:
        return names[0]
    exact = round(bitrate, 9)
    own = (exact > edge or (exact == edge and edge < 2 and edge != bands[0]) for edge in bands)
    return next((name for name, is_in in zip(names, own, strict=False) if is_in), names[-1])


def marked(rows: Sequence[TableRow], columns: Sequence[TableColumn], contest: Contest | None = None) -> list[TableRow]:
    """Marks the best of each column that has a direction; one row alone is not the best of anything."""
    cells = [dict(row.cells) for row in rows]
    for column in (c for c in columns if c.better and len(rows) > 1):
        best = _best(rows, column, contest)
        for mine in (mine for row, mine in zip(rows, cells, strict=True) if row.label in best):
            mine[column.label] = replace(mine[column.label], is_best=True)
    return [replace(row, cells=mine) for row, mine in zip(rows, cells, strict=True)]


def _best(rows: Sequence[TableRow], column: TableColumn, contest: Contest | None) -> set[str]:
    """Labels of the rows with the best value, with what is printed as that, and with what shares its place."""
    sign = 1 if column.better == "higher" else -1
    values = {
        row.label: sign * cell.value
        for row in rows
        if (cell := row.cells[column.label]).value is not None and cell.n >= RANKED_COVERAGE * cell.expected
    }
    if not values:
        return set()
    first = max(values, key=lambda label: values[label])
    printed = round(values[first], column.digits)
    equal = {label for label, value in values.items() if round(value, column.digits) == printed}
    others = [row for row in rows if row.label in values and row.label not in equal]
    if contest is None or not others:
        return equal
    leader = next(row for row in rows if row.label == first)
    return equal.union(contest.level_with(leader, others, column))
