"""Which systems are compared with each other, and which of them is best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from codec_bench.errors import UsageError
from codec_bench.options import BANDS, falling, listed
from codec_bench.reports.cells import Section, TableColumn, TableRow

RANKED_COVERAGE = 0.95
"""A value over a smaller share of the utterances is shown, but takes no part in best and second best."""

GROUP_ORDER = ("semantic", "acoustic", "classic")


def sections_of(
    rows: Sequence[TableRow], columns: Sequence[TableColumn], conditions: Sequence[str], bands: Sequence[float] = BANDS
) -> tuple[Section, ...]:
    """Rows by condition, bitrate and kind, the reference first, with best and second best marked.

    Args:
        rows: All rows of a table.
        columns: Its columns.
        conditions: Labels in the order in which their rows follow the clean ones.
        bands: Edges of the bitrate groups in kbit/s, falling. The first group lies above the first edge; every other
            one includes its lower edge, as the paper has 0.65 kbit/s in `0.65-0.85`.
    """
    sections: list[Section] = []
    for condition in ["", *conditions]:
        suffix = f", {condition}" if condition else ""
        members = [r for r in rows if r.condition == condition]
        reference = tuple(r for r in members if r.group == "reference")
        sections += [Section(f"reference{suffix}", reference)] if reference else []
        for band in [*band_names(bands), "bitrate not known"]:
            for group in GROUP_ORDER:
                found = [r for r in members if r.group == group and band_of(r.bitrate, bands) == band]
                found.sort(key=lambda r: (-(r.bitrate or 0), r.label))
                if found:
                    sections.append(Section(f"{band}, {group}{suffix}", tuple(ranked(found, columns))))
    return tuple(sections)


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
    """Edges as a command line has them; an empty text is one group.

    Raises:
        UsageError: They are not positive, falling numbers.

    >>> parse_bands("2, 0.85"), parse_bands("")
    ((2.0, 0.85), ())
    """
    try:
        return tuple(falling([float(part) for part in listed(text)]))
    except ValueError:
        raise UsageError(f"bands are positive and falling, e.g. 2,0.85,0.65, not {text!r}") from None


def band_of(bitrate: float | None, bands: Sequence[float]) -> str:
    """The group of a bitrate in kbit/s.

    >>> [band_of(kbps, [2, 0.85, 0.65]) for kbps in (2.0, 0.85, 0.65, 0.43)]
    ['0.85-2 kbps', '0.85-2 kbps', '0.65-0.85 kbps', '< 0.65 kbps']
    """
    names = band_names(bands)
    if bitrate is None:
        return "bitrate not known"
    if not bands:
        return names[0]
    exact = round(bitrate, 9)
    if exact > bands[0]:
        return names[0]
    return next((n for n, low in zip(names[1:], bands[1:], strict=False) if exact >= low), names[-1])


def ranked(rows: Sequence[TableRow], columns: Sequence[TableColumn]) -> list[TableRow]:
    """Marks the best and the second best printed value of each column; equal values share a mark."""
    marked = [dict(r.cells) for r in rows]
    if len(rows) > 1:
        for column in (c for c in columns if c.better):
            values = {
                i: round(cell.value, column.digits)
                for i, row in enumerate(rows)
                if (cell := row.cells[column.label]).value is not None and cell.n >= RANKED_COVERAGE * cell.expected
            }
            order = sorted(set(values.values()), reverse=column.better == "higher")[:2]
            for i, value in values.items():
                if value in order:
                    marked[i][column.label] = replace(rows[i].cells[column.label], rank=1 + order.index(value))
    return [replace(row, cells=cells) for row, cells in zip(rows, marked, strict=True)]
