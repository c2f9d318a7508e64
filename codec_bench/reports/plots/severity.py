"""Metrics against how hard a condition is: one picture per kind, a line per system."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from codec_bench.reports.cells import TableColumn
from codec_bench.reports.plots import style
from codec_bench.reports.plots.material import Picture, PlotData, PlottedRow, stem

AXES = {
    "repeat": "generations",
    "loss": "packets lost (%)",
    "flip": "bit error rate",
    "token-noise": "tokens replaced (%)",
    "keep": "codebooks kept",
    "shift": "shift (samples)",
    "level": "level (dB)",
    "gain": "level (dB)",
    "noise": "SNR (dB)",
    "music": "SNR (dB)",
    "talkers": "SIR (dB)",
    "reverb": "T60 (s)",
    "band": "upper edge (Hz)",
    "segment": "segment (s)",
    "concat": "joined (s)",
}
"""What the values of a kind are."""

CLEAN_AT = {"repeat": 1.0, "loss": 0.0, "token-noise": 0.0, "shift": 0.0, "level": 0.0, "gain": 0.0}
"""Where the clean row belongs on the axis of a kind; elsewhere it is a dotted line."""

LOGARITHMIC = ("band", "repeat", "flip")


def draw(material: PlotData) -> Iterator[Picture]:
    """A picture for each kind of condition whose rows have a value: noise at all levels, losses of one burst length."""
    kinds: dict[str, dict[str, float]] = {}
    for label in material.conditions:
        if (found := severity(label)) is not None:
            kinds.setdefault(found[0], {})[label] = found[1]
    for kind, places in kinds.items():
        columns = [c for c in material.main if c.better] or list(material.main)
        figure, axes = style.grid(len(columns))
        systems: dict[str, list[PlottedRow]] = {}
        for entry in material.coded:
            if entry.row.condition in places or not entry.row.condition:
                systems.setdefault(entry.row.setting, []).append(entry)
        systems = {name: rows for name, rows in systems.items() if any(e.row.condition for e in rows)}
        for axis, column in zip(axes, columns, strict=True):
            _panel(axis, kind, places, systems, column)
        handles = [Line2D([], [], label=name, **rows[0].look.with_line()) for name, rows in systems.items()]
        style.legend_below(figure, handles)
        name = kind.partition(":")[0]
        clean = "" if name in CLEAN_AT else " Dotted: clean."
        caption = f"Main metrics under {kind}, of each system. Bars: {material.intervals}.{clean}"
        yield material.picture(stem("severity", kind), f"Main metrics under {kind}", caption, figure)


def severity(label: str) -> tuple[str, float] | None:
    """The kind of a condition, with what stands behind its value, and the value; None for those without one.

    >>> severity("noise@10"), severity("loss@5:2"), severity("noise@10+loss@5"), severity("reverb")
    (('noise', 10.0), ('loss:2', 5.0), ('loss, noise@10', 5.0), None)
    """
    *others, last = label.split("+") if re.fullmatch(r"[^@]+@.+", label) else [label]
    match = re.fullmatch(r"([\w-]+)@([-+.\de]+)((?::.*)?)", last)
    if match is None:
        return None
    return ", ".join([match[1] + match[3], *others]), float(match[2])


def _panel(
    axis: Axes,
    kind: str,
    places: Mapping[str, float],
    systems: Mapping[str, Sequence[PlottedRow]],
    column: TableColumn,
) -> None:
    name = re.split("[:,]", kind)[0]
    for rows in systems.values():
        look = rows[0].look
        points = []
        for entry in rows:
            cell = entry.cell(column)
            place = places.get(entry.row.condition, CLEAN_AT.get(name, math.nan) if "," not in kind else math.nan)
            if cell is None or cell.value is None:
                continue
            if name in LOGARITHMIC and place <= 0:  # beyond the left end; without errors it is the clean row
                place = math.nan
            if math.isnan(place):
                axis.axhline(cell.value, color=look.colour, linestyle=":", linewidth=0.9)
                continue
            points.append((place, cell.value, *style.interval(cell)))
        if points:
            x, y, below, above = zip(*sorted(points), strict=True)
            axis.errorbar(x, y, yerr=(below, above), elinewidth=1, capsize=2.5, **look.with_line())
    style.bound(axis)
    if name in LOGARITHMIC:
        axis.set_xscale("log", base=2)
        ticks = sorted({*(p for p in places.values() if p > 0), *([CLEAN_AT[name]] if name in CLEAN_AT else [])})
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
    axis.set_xlabel(AXES.get(name, name))
    style.metric_axis(axis, column)
