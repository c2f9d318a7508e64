"""What a system costs whatever it is asked to code: load, memory, operations and parameters, as a bar for each."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes

from codec_bench.reports.cells import TableColumn
from codec_bench.reports.plots import style
from codec_bench.reports.plots.material import Picture, PlotData, PlottedRow
from codec_bench.speed.columns import COST

HEIGHT = 0.24
"""Inches of a bar with the room around it."""


def is_cost(column: TableColumn) -> bool:
    """Whether a column belongs to the system, and a curve over its bitrates would say nothing."""
    return column.family == COST or column.label == "parameters_m"


def draw(material: PlotData) -> Iterator[Picture]:
    """One picture with a panel per column that some system has a value of."""
    columns = [c for c in material.table.columns if is_cost(c) and any(e.cell(c) for e in material.coded)]
    if not columns:
        return
    systems = list(material.coded)
    longest = max(len(e.label) for e in systems)
    figure, axes = style.grid(len(columns), width=2.9 + 0.07 * longest, height=1.1 + HEIGHT * len(systems))
    for axis, column in zip(axes, columns, strict=True):
        _panel(axis, systems, column)
    caption = f"One bar a system, with its value; none where there is no value. Lines: {material.intervals}."
    yield material.picture("costs", "Load, memory and operations", caption, figure)


def _panel(axis: Axes, systems: list[PlottedRow], column: TableColumn) -> None:
    for place, entry in enumerate(systems):
        cell = entry.cell(column)
        if cell is None or cell.value is None:
            continue
        below, above = style.interval(cell)
        axis.barh(place, cell.value, 0.7, color=entry.look.colour, label=entry.label)
        if below or above:
            axis.errorbar(cell.value, place, xerr=[[below], [above]], color=style.SOFT, capsize=2, elinewidth=0.9)
        axis.annotate(
            cell.number, (cell.value + above, place), (3, 0), textcoords="offset points", va="center", fontsize=7.5
        )
    axis.set_yticks(range(len(systems)), [entry.label for entry in systems])
    axis.set_ylim(len(systems) - 0.5, -0.5)
    axis.set_xlim(0, 1.18 * axis.get_xlim()[1])
    axis.set_xlabel(style.axis_label(column))
    axis.set_title(style.direction(column), fontsize=9, loc="left", color=style.SOFT)
    axis.grid(visible=True, axis="x")
