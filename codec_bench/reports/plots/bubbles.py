"""Quality against bitrate with tokens per second as the size of the circles: WavTokenizer's figure 1."""

from __future__ import annotations

import math
from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from codec_bench.reports.cells import TableColumn
from codec_bench.reports.plots import style
from codec_bench.reports.plots.labels import Mark, Segment, place_labels
from codec_bench.reports.plots.material import Picture, PlotData, PlottedRow

QUALITY = ("utmos", "nisqa", "pesq_wb")
"""The metric on the vertical axis: the first of these that the runs have."""

LARGEST = 900.0
"""Area in square points of the system with most tokens per second."""

PLAIN = 42.0
"""Area in square points of a system without tokens."""


def draw(material: PlotData) -> Iterator[Picture]:
    """One picture over the clean rows; nothing where no system has a bitrate and a value of one of `QUALITY`."""
    found = {c.label: c for c in material.table.columns}
    columns = [found[name] for name in QUALITY if name in found]
    column = next((c for c in columns if len(_points(material, c)) > 1), None)
    if column is None:
        return
    entries = _points(material, column)
    figure = style.new_figure(7.6, 5.0)
    axis = figure.add_subplot()
    rates = [rate for e in entries if (rate := e.row.efficiency.tokens_per_second)]
    scale = LARGEST / max(rates, default=1.0)
    marks = [_circle(axis, entry, column, scale) for entry in entries]
    _frame(axis, material, column, entries)
    title = f"{style.axis_label(column)} against bitrate and tokens per second"
    style.headline(figure, title, material.table.caption)
    handles = _sizes(rates, scale) + _others(material, column, entries)
    largest = 2 * math.sqrt(LARGEST / math.pi) if rates else 0.0
    style.legend_below(figure, handles, [str(h.get_label()) for h in handles], largest, one_row=True)
    if rates:
        axis.margins(y=0.14)
    place_labels(axis, marks, _lines(axis, material, column, entries))
    caption = f"{title}, as in WavTokenizer's figure 1: the area of a circle is the number of tokens per second"
    caption += " summed over codebooks." if rates else "; none of these systems has tokens."
    if len(rates) < len(entries):
        caption += " Small filled markers: codecs that send packets and no tokens, or whose token rate is not known."
    caption += f" Bars: {material.intervals}."
    if any(e.row.condition for e in material.coded):
        caption += " Rows under a condition are left out."
    yield Picture("quality_against_bitrate", title, caption, figure)


def _points(material: PlotData, column: TableColumn) -> list[PlottedRow]:
    """The clean rows that have a bitrate and a value, the largest circles first, so that they hide none."""
    found = [e for e in material.clean if e.row.bitrate and e.cell(column)]
    return sorted(found, key=lambda e: -(e.row.efficiency.tokens_per_second or 0.0))


def _circle(axis: Axes, entry: PlottedRow, column: TableColumn, scale: float) -> Mark:
    cell = entry.row.cells[column.label]
    x, y = float(entry.row.bitrate or 0.0), float(cell.value or 0.0)
    below, above = style.interval(cell)
    colour = entry.look.colour
    axis.errorbar([x], [y], yerr=([below], [above]), fmt="none", ecolor=colour, elinewidth=1, capsize=2, zorder=2)
    tokens = entry.row.efficiency.tokens_per_second
    area = tokens * scale if tokens else PLAIN
    hollow = style.is_partial(cell.n, cell.expected)
    face = "white" if hollow else colour
    shape = "o" if tokens else entry.look.marker
    axis.scatter([x], [y], s=area, c=face, marker=shape, alpha=0.55 if tokens else 1.0, linewidths=0, zorder=3)
    axis.scatter([x], [y], s=area, c="none", marker=shape, edgecolors=colour, linewidths=1.2, zorder=4)
    return Mark(entry.label, x, y, math.sqrt(area / math.pi) if tokens else math.sqrt(area) * 0.7)


def _frame(axis: Axes, material: PlotData, column: TableColumn, entries: list[PlottedRow]) -> None:
    for entry in _references(material, column):
        value = float(entry.row.cells[column.label].value or 0.0)
        axis.axhline(value, color=entry.look.colour, linestyle=entry.look.line, linewidth=1.1, zorder=1)
    style.log_bitrate_axis(axis, [e.row.bitrate for e in entries if e.row.bitrate], margin=1.35)
    axis.set_ylabel(style.axis_label(column))
    axis.set_title(style.direction(column), fontsize=9, loc="left", color=style.SOFT)
    axis.grid(visible=True)


def _lines(axis: Axes, material: PlotData, column: TableColumn, entries: list[PlottedRow]) -> list[Segment]:
    """What names should not lie on: intervals and horizontal lines."""
    left, right = axis.get_xlim()
    lines = []
    for entry in entries:
        cell, x = entry.row.cells[column.label], float(entry.row.bitrate or 0.0)
        below, above = style.interval(cell)
        lines.append(Segment(x, float(cell.value or 0.0) - below, x, float(cell.value or 0.0) + above))
    for entry in _references(material, column):
        value = float(entry.row.cells[column.label].value or 0.0)
        lines.append(Segment(left, value, right, value))
    return lines


def _references(material: PlotData, column: TableColumn) -> list[PlottedRow]:
    """Rows that are drawn as horizontal lines."""
    return [e for e in material.entries if e.is_reference and not e.row.condition and e.cell(column)]


def _sizes(rates: list[float], scale: float) -> list[Line2D]:
    """A legend of circles: the smallest and the largest rate, and a round figure between."""
    handles = []
    for rate in sorted({min(rates), max(rates)} if rates else ()):
        size = 2 * math.sqrt(rate * scale / math.pi)
        label = f"{rate:g} tokens/s"
        handles.append(
            Line2D(
                [],
                [],
                linestyle="",
                marker="o",
                markersize=size,
                color="#BBBBBB",
                markeredgecolor=style.GREY,
                label=label,
            )
        )
    return handles


def _others(material: PlotData, column: TableColumn, entries: list[PlottedRow]) -> list[Line2D]:
    handles = []
    if any(not e.row.efficiency.tokens_per_second for e in entries):
        size = math.sqrt(PLAIN)
        shape = next(e.look.marker for e in entries if not e.row.efficiency.tokens_per_second)
        handles.append(Line2D([], [], linestyle="", marker=shape, markersize=size, color="#BBBBBB",
                              markeredgecolor=style.GREY, label="no known token rate"))  # fmt: skip
    for entry in _references(material, column):
        handles.append(Line2D([], [], color=entry.look.colour, linestyle=entry.look.line, label=entry.label))
    return handles
