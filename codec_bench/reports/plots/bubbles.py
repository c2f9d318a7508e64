"""Quality against bitrate with tokens per second as the size of the circles: WavTokenizer's figure 1."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

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
    rates = [rate for e in entries if (rate := e.row.efficiency.tokens_per_second)]
    scale = LARGEST / max(rates, default=1.0)
    figure = style.new_figure(7.6, 5.0)
    axis = figure.add_subplot()
    circles = [_circle(axis, entry, column, scale) for entry in entries]
    ends = sorted({min(rates), max(rates)} if rates else ())
    handles = [_key("o", math.sqrt(rate * scale / math.pi), f"{rate:g} tokens/s") for rate in ends]
    if plain := [e for e in entries if not e.row.efficiency.tokens_per_second]:
        handles.append(_key(plain[0].look.marker, math.sqrt(PLAIN) / 2, "no known token rate"))
    levels = []
    for entry in material.entries:
        if entry.row.is_reference and not entry.row.condition and (cell := entry.cell(column)) is not None:
            levels.append(float(cell.value or 0.0))
            line: dict[str, Any] = {"color": entry.look.colour, "linestyle": entry.look.line}
            axis.axhline(levels[-1], linewidth=1.1, zorder=1, **line)
            handles.append(Line2D([], [], label=entry.label, **line))
    style.log_bitrate_axis(axis, [e.row.bitrate for e in entries if e.row.bitrate], margin=1.35)
    style.metric_axis(axis, column)
    style.legend_below(figure, handles, 2 * math.sqrt(LARGEST / math.pi) if rates else 0.0, one_row=True)
    if rates:
        axis.margins(y=0.14)
    title = f"{style.axis_label(column)} against bitrate and tokens per second"
    caption = f"{title}, as in WavTokenizer's figure 1: the area of a circle is the number of tokens per second"
    caption += " summed over codebooks." if rates else "; none of these systems has tokens."
    if plain:
        caption += " Small filled markers: codecs that send packets and no tokens, or whose token rate is not known."
    caption += f" Bars: {material.intervals}."
    if any(e.row.condition for e in material.coded):
        caption += " Rows under a condition are left out."
    picture = material.picture("quality_against_bitrate", title, caption, figure)
    # Once nothing else takes room, names are placed where they lie on no interval and no line.
    left, right = axis.get_xlim()
    lines = [bar for _, bar in circles] + [Segment(left, value, right, value) for value in levels]
    place_labels(axis, [mark for mark, _ in circles], lines)
    yield picture


def _points(material: PlotData, column: TableColumn) -> list[PlottedRow]:
    """The clean rows that have a bitrate and a value, the largest circles first, so that they hide none."""
    found = [e for e in material.clean if e.row.bitrate and e.cell(column)]
    return sorted(found, key=lambda e: -(e.row.efficiency.tokens_per_second or 0.0))


def _circle(axis: Axes, entry: PlottedRow, column: TableColumn, scale: float) -> tuple[Mark, Segment]:
    """Draws a system; gives its point and its interval."""
    cell = entry.row.cells[column.label]
    x, y = float(entry.row.bitrate or 0.0), float(cell.value or 0.0)
    below, above = style.interval(cell)
    colour = entry.look.colour
    axis.errorbar([x], [y], yerr=([below], [above]), fmt="none", ecolor=colour, elinewidth=1, capsize=2, zorder=2)
    tokens = entry.row.efficiency.tokens_per_second
    area = tokens * scale if tokens else PLAIN
    face = "white" if style.is_partial(cell.n, cell.expected) else colour
    shape = "o" if tokens else entry.look.marker
    axis.scatter([x], [y], s=area, c=face, marker=shape, alpha=0.55 if tokens else 1.0, linewidths=0, zorder=3)
    axis.scatter([x], [y], s=area, c="none", marker=shape, edgecolors=colour, linewidths=1.2, zorder=4)
    radius = math.sqrt(area / math.pi) if tokens else math.sqrt(area) * 0.7
    return Mark(entry.label, x, y, radius), Segment(x, y - below, x, y + above)


def _key(marker: str, radius: float, label: str) -> Line2D:
    look: dict[str, Any] = {"markersize": 2 * radius, "color": "#BBBBBB", "markeredgecolor": style.GREY}
    return Line2D([], [], linestyle="", marker=marker, label=label, **look)
