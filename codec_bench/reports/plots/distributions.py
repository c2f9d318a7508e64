"""How a metric is distributed over utterances: every score, its quartiles and its density, per system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from codec_bench.reports.cells import TableColumn
from codec_bench.reports.plots import style
from codec_bench.reports.plots.material import Picture, PlotData, PlottedRow, stem

FEWEST_FOR_DENSITY = 8
"""Scores below which a density says nothing; the points are drawn in any case."""

MOST_VECTORS = 4000
"""Points in one figure above which SVG and PDF hold them as an image."""


def draw(material: PlotData) -> Iterator[Picture]:
    """One grid per block of metrics, a row per system; nothing for runs without scores per utterance."""
    for title, columns in material.table.blocks:
        values = {
            (e.label, c.label): np.sort(e.scores(c).value.to_numpy(np.float64))
            for e in material.entries
            for c in columns
        }
        shown = [c for c in columns if any(_is_spread(values[e.label, c.label]) for e in material.coded)]
        entries = [e for e in material.entries if any(len(values[e.label, c.label]) for c in shown)]
        if not shown:
            continue
        across = 2 if len(shown) == 4 else 3
        figure, axes = style.grid(len(shown), width=3.6, height=0.34 * len(entries) + 0.95, across=across, sharey=False)
        many = sum(len(v) for v in values.values()) > MOST_VECTORS
        for i, (axis, column) in enumerate(zip(axes, shown, strict=True)):
            _panel(axis, entries, column, [values[e.label, column.label] for e in entries], rasterise=many)
            axis.set_ylim(len(entries) - 0.4, -0.6)
            axis.set_yticks(range(len(entries)), [e.label if i % across == 0 else "" for e in entries])
            axis.tick_params(axis="y", length=0)
        style.legend_below(figure, _legend())
        caption = (
            f"{title}: one point per utterance, density where there are at least {FEWEST_FOR_DENSITY}, box from "
            "quartile to quartile with the median; the diamond is the value of the table, which is pooled for error "
            "rates (errors out of words or frames) and else the mean."
        )
        what = f"{title}: distribution over utterances"
        yield material.picture(stem("distributions", title), what, caption, figure)


def _is_spread(scores: NDArray[np.float64]) -> bool:
    """Whether there is a distribution to show; right or wrong answers have none."""
    return len(np.unique(scores)) > 2


def _panel(
    axis: Axes,
    entries: Sequence[PlottedRow],
    column: TableColumn,
    values: Sequence[NDArray[np.float64]],
    *,
    rasterise: bool,
) -> None:
    coded = np.concatenate([v for e, v in zip(entries, values, strict=True) if not e.row.is_reference])
    for i, (entry, scores) in enumerate(zip(entries, values, strict=True)):
        if not len(scores):
            continue
        colour = entry.look.colour
        if entry.row.is_reference and style.is_far(float(np.median(scores)), float(coded.min()), float(coded.max())):
            cell = entry.cell(column)
            text = f"{cell.number} {column.unit}".strip() if cell is not None else ""
            axis.annotate(text, (0.99, i), xycoords=axis.get_yaxis_transform(), ha="right", va="center", color=colour)
            continue
        if len(scores) >= FEWEST_FOR_DENSITY and np.ptp(scores) > 1e-9 * np.abs(scores).max():
            bodies = axis.violinplot([scores], [i], orientation="horizontal", widths=0.84, showextrema=False)["bodies"]
            for body in bodies:  # type: ignore[attr-defined]
                body.set(facecolor=colour, alpha=0.22, linewidth=0)
        # Spread by rank, not at random: the same picture each time, and neighbours keep apart.
        offsets = ((np.arange(len(scores)) * 0.618034) % 1 - 0.5) * 0.34
        axis.plot(scores, i + offsets, linestyle="", marker=".", markersize=4.5, color=colour, alpha=0.5,
                  markeredgewidth=0, rasterized=rasterise, zorder=2)  # fmt: skip
        axis.boxplot(
            [scores], positions=[i], orientation="horizontal", widths=0.3, showfliers=False, whis=(5, 95),
            manage_ticks=False, boxprops={"linewidth": 0.9}, medianprops={"color": "black", "linewidth": 1.6},
            whiskerprops={"linewidth": 0.9}, capprops={"linewidth": 0.9}, zorder=3,
        )  # fmt: skip
        cell = entry.cell(column)
        if cell is not None and cell.value is not None:
            axis.plot(cell.value, i, linestyle="", marker="D", markersize=4.6, color=colour, markeredgecolor="white",
                      markeredgewidth=0.8, zorder=4)  # fmt: skip
            if cell.n < cell.expected:
                axis.annotate(f"{cell.n} of {cell.expected}", (1.0, i), xycoords=axis.get_yaxis_transform(), ha="right",
                              va="bottom", xytext=(0, 5), textcoords="offset points", fontsize=7)  # fmt: skip
    axis.set_xlabel(f"{style.axis_label(column)}  {style.direction(column)}")
    axis.grid(visible=True, axis="x")


def _legend() -> list[Line2D]:
    box: dict[str, Any] = {"markersize": 8, "markerfacecolor": "none", "color": "black", "markeredgewidth": 0.9}
    return [
        Line2D([], [], linestyle="", marker=".", color=style.GREY, label="an utterance"),
        Line2D([], [], color="black", linewidth=1.6, label="median"),
        Line2D([], [], linestyle="", marker="s", label="quartiles; whiskers: 5 % to 95 %", **box),
        Line2D([], [], linestyle="", marker="D", markersize=5, color=style.GREY, label="value of the table"),
    ]
