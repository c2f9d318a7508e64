"""Radar charts: several metrics of the systems of a bitrate group at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, cast

from matplotlib.lines import Line2D
from matplotlib.projections.polar import PolarAxes

from codec_bench.reports.cells import TableColumn
from codec_bench.reports.plots import style
from codec_bench.reports.plots.material import Picture, PlotData, PlottedRow
from codec_bench.reports.sections import band_names, band_of

KINDS = ("reconstruction", "probe")
"""Kinds of runs whose columns say how good a system is; token statistics and times do not add up to a shape."""

FEWEST, MOST = 3, 9
"""Metrics on one chart; with fewer than `FEWEST` systems each would be the best or the worst in everything."""

CENTRE = -0.2
"""Where the middle lies when the worst value is 0 and the best is 1: the worst system keeps a shape."""


def draw(material: PlotData) -> Iterator[Picture]:
    """One chart per bitrate group and condition of two systems; nothing for fewer than `FEWEST` in all, or metrics."""
    columns, ends = _spokes(material)
    groups = _groups(material, columns)
    if material.table.kind not in KINDS or len(columns) < FEWEST or sum(map(len, groups.values())) < FEWEST:
        return
    groups = {name: members for name, members in groups.items() if len(members) > 1}  # one alone compares with nothing
    if not groups:
        return
    figure, axes = style.grid(len(groups), width=4.3, height=3.6, extra=0.6, subplot_kw={"projection": "polar"})
    for axis, (name, members) in zip(axes, groups.items(), strict=True):
        _chart(cast(PolarAxes, axis), name, members, columns, ends)
    entries = {e.row.setting: e for members in groups.values() for e in members}
    style.legend_below(figure, [Line2D([], [], label=setting, **_line(e)) for setting, e in entries.items()])
    caption = (
        "Each spoke is one metric, from the worst value of all coded rows of this report (inner circle) to the best "
        "(rim), whatever its direction; both values stand at its end, worst → best. The scale is the same in "
        "all charts. A line has a gap where a system has no value; a group of one system has no chart."
    )
    yield material.picture("radar", "Metrics by bitrate group", caption, figure)


def _spokes(material: PlotData) -> tuple[list[TableColumn], dict[str, tuple[float, float]]]:
    """The metrics, with the worst and the best value of each."""
    many = [c for c in material.main if c.better]
    if len(many) < FEWEST:
        many = [c for c in material.table.columns if c.better]
    columns, ends = [], {}
    for column in many:
        values = [cell.value for e in material.coded if (cell := e.cell(column)) and cell.value is not None]
        if values and min(values) < max(values):
            columns.append(column)
            low, high = min(values), max(values)
            ends[column.label] = (low, high) if column.better == "higher" else (high, low)
    return columns[:MOST], ends


def _groups(material: PlotData, columns: Sequence[TableColumn]) -> dict[str, list[PlottedRow]]:
    found: dict[str, list[PlottedRow]] = {}
    for condition in material.conditions:
        under = [e for e in material.coded if e.row.condition == condition]
        for band in [*band_names(material.bands), "bitrate not known"]:
            here = [e for e in under if band_of(e.row.bitrate, material.bands) == band]
            if members := [e for e in here if any(e.cell(c) for c in columns)]:
                found[f"{band}, {condition}" if condition else band] = members
    return found


def _chart(
    axis: PolarAxes,
    name: str,
    members: Sequence[PlottedRow],
    columns: Sequence[TableColumn],
    ends: dict[str, tuple[float, float]],
) -> None:
    angles = [2 * math.pi * i / len(columns) for i in range(len(columns))]
    axis.set_theta_offset(math.pi / 2)
    axis.set_theta_direction(-1)
    axis.set_rlim(CENTRE, 1.0)
    axis.set_rgrids([0.0, 0.25, 0.5, 0.75, 1.0], labels=[""] * 5)
    axis.set_thetagrids([math.degrees(a) for a in angles], labels=[""] * len(angles))
    axis.grid(visible=True)
    axis.spines["polar"].set_color("#A0A0A0")
    for angle, column in zip(angles, columns, strict=True):
        worst, best = (f"{v:.{column.digits}f}" for v in ends[column.label])
        side = round(math.sin(angle), 6)
        axis.annotate(
            f"{style.axis_label(column)}\n{worst} → {best}", (angle, 1.0), fontsize=8, textcoords="offset points",
            xytext=(9 * math.sin(angle), 9 * math.cos(angle)),
            ha="center" if side == 0 else "left" if side > 0 else "right",
            va="center" if abs(math.cos(angle)) < 0.5 else "bottom" if math.cos(angle) > 0 else "top",
        )  # fmt: skip
    for entry in members:
        # 0 for the worst value, 1 for the best, a gap for none.
        radii = [
            math.nan if cell is None or cell.value is None else (cell.value - worst) / (best - worst)
            for column in columns
            for cell, (worst, best) in [(entry.cell(column), ends[column.label])]
        ]
        axis.plot([*angles, angles[0]], [*radii, radii[0]], label=entry.label, **_line(entry))
    axis.set_title(name, pad=36, fontsize=10, fontweight="bold")


def _line(entry: PlottedRow) -> dict[str, Any]:
    return entry.look.with_line(markersize=4.5, clip_on=False)
