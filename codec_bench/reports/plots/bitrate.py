"""Every metric against bitrate, with intervals: the rate-distortion curves of codecs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from codec_bench.reports.cells import TableColumn
from codec_bench.reports.plots import style
from codec_bench.reports.plots.bars import is_cost
from codec_bench.reports.plots.material import Picture, PlotData, PlottedRow, stem
from codec_bench.reports.plots.severity import severity

FILLS = ("full", "bottom", "left", "top", "right")
"""Fill of the markers under each condition, clean first; points over few utterances are hollow."""


MOST_CONDITIONS = len(FILLS)
"""With more, rows under a condition of some strength are in the picture against severity alone."""


def draw(material: PlotData) -> Iterator[Picture]:
    """One grid per block of metrics; nothing where no system has a bitrate.

    A codec is a line over its settings; under a condition it keeps its colour and has a line of another style. Rows
    without a bitrate are horizontal lines.
    """
    bitrates = [e.row.bitrate for e in material.coded if e.row.bitrate]
    if not bitrates:
        return
    for title, block in material.table.blocks:
        columns = [column for column in block if not is_cost(column)]
        if not columns:
            continue
        figure, axes = style.grid(len(columns))
        partial = False
        for axis, column in zip(axes, columns, strict=True):
            partial |= _panel(axis, material, column)
            style.log_bitrate_axis(axis, bitrates)
        style.legend_below(figure, _handles(material, columns))
        caption = f"{title} against bitrate. Bars: {material.intervals}. Horizontal lines: rows that have no bitrate."
        if len({e.row.codec for e in material.clean}) > 1:
            caption += " Broad steps: the Pareto front of the clean values."
        if partial:
            caption += " Hollow: a value over less than 95 % of the utterances."
        yield material.picture(stem(title), f"{title} against bitrate", caption, figure)


def _panel(axis: Axes, material: PlotData, column: TableColumn) -> bool:
    """One metric; says whether a point is hollow."""
    hollow = False
    for name, members in _families(material).items():
        look = members[0].look
        points = [
            (e.row.bitrate, cell.value, *style.interval(cell), style.is_partial(cell.n, cell.expected))
            for e in members
            if e.row.bitrate and (cell := e.cell(column)) is not None
        ]
        if not points:
            continue
        x, y, below, above, partial = zip(*sorted(points), strict=True)
        line, fill = _condition_style(material, members[0])
        axis.errorbar(
            x, y, yerr=(below, above), color=look.colour, linestyle=line, elinewidth=1, capsize=2.5, label=name
        )
        for at, value, is_hollow in zip(x, y, partial, strict=True):
            axis.plot(at, value, **_marker(look, "none" if is_hollow else fill))
        hollow |= any(partial)
    style.bound(axis)
    _front(axis, material, column)
    low, high = axis.get_ylim()
    far = []
    for entry in _flat(material):
        if (cell := entry.cell(column)) is not None and cell.value is not None:
            look = entry.look
            if entry.row.is_reference and axis.containers and style.is_far(cell.value, low, high):
                far.append(f"{entry.label}: {cell.number} {column.unit}".strip())
                continue
            axis.axhline(cell.value, color=look.colour, linestyle=look.line, linewidth=1.1, label=entry.label, zorder=1)
    if far:
        axis.text(0.98, 1.02, "\n".join(far), transform=axis.transAxes, ha="right", fontsize=8, color=style.GREY)
    style.metric_axis(axis, column)
    return hollow


def _front(axis: Axes, material: PlotData, column: TableColumn) -> None:
    """Steps along the Pareto front of the clean values, where there is more than one codec."""
    sign = {"higher": 1, "lower": -1}.get(column.better)
    found = [(e.row.bitrate, e.cell(column)) for e in material.clean if e.row.bitrate]
    points = sorted((rate, -sign * c.value) for rate, c in found if sign and c is not None and c.value is not None)
    front = [p for i, p in enumerate(points) if all(p[1] < other for _, other in points[:i])]
    if len({e.row.codec for e in material.clean}) > 1 and len(front) > 1 and sign:
        x, y = zip(*((rate, -sign * value) for rate, value in front), strict=True)
        axis.step(x, y, where="post", color=style.GREY, linewidth=4, alpha=0.25, zorder=0.5, label="Pareto front")


def _families(material: PlotData) -> dict[str, list[PlottedRow]]:
    """Rows of a codec that differ in its setting alone, for those that have a bitrate.

    Many conditions would be a thicket; those of one kind and several strengths have a picture against these.
    """
    found: dict[str, list[PlottedRow]] = {}
    many = len(material.conditions) > MOST_CONDITIONS
    for entry in material.coded:
        if entry.row.bitrate and not (many and severity(entry.row.condition) is not None):
            found.setdefault(entry.row.family, []).append(entry)
    codecs = list(dict.fromkeys(members[0].row.codec for members in found.values()))
    return dict(sorted(found.items(), key=lambda item: codecs.index(item[1][0].row.codec)))


def _flat(material: PlotData) -> list[PlottedRow]:
    """Rows that have no bitrate, under no condition."""
    return [e for e in material.entries if not e.row.condition and (e.row.is_reference or not e.row.bitrate)]


def _condition_style(material: PlotData, entry: PlottedRow) -> tuple[Any, str]:
    """Line and filling of the markers under the condition of a row."""
    number = material.conditions.index(entry.row.condition)
    return style.LINES[number % len(style.LINES)], FILLS[number % len(FILLS)]


def _marker(look: style.Look, fill: str) -> dict[str, Any]:
    return {
        "color": look.colour, "marker": look.marker, "markeredgecolor": look.colour, "markerfacecoloralt": "white",
        "fillstyle": fill,
    }  # fmt: skip


def _handles(material: PlotData, columns: Sequence[TableColumn]) -> list[Line2D]:
    """The legend: everything that is drawn in any of the axes, once."""

    def is_drawn(entry: PlottedRow) -> bool:
        return any(entry.cell(c) is not None for c in columns)

    handles = []
    for name, members in _families(material).items():
        if any(is_drawn(e) for e in members):
            line, fill = _condition_style(material, members[0])
            handles.append(Line2D([], [], label=name, linestyle=line, **_marker(members[0].look, fill)))
    for entry in _flat(material):
        if is_drawn(entry):
            look = entry.look
            handles.append(Line2D([], [], label=entry.label, color=look.colour, linestyle=look.line, linewidth=1.1))
    return handles
