"""Pictures of a run: every metric against bitrate."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codec_bench.files import write_atomically
from codec_bench.reports.table import Cell, Column, Row, Table

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
"""Okabe and Ito's palette, which colour-blind readers can tell apart."""

MARKERS = "osD^vP*X"
LINES = ("-", ":", "-.", (0, (6, 2)), (0, (1, 3)))
"""Of the conditions, the clean one first; plain dashes are the reference's."""


def write_plots(table: Table, folder: Path) -> list[Path]:
    """Draws each block of a table as a grid of metric-against-bitrate plots.

    Args:
        table: A run's table.
        folder: Where the PNG files go.

    Returns:
        The files, the main metrics first; none where no system has a bitrate.
    """
    rows = [row for section in table.sections for row in section.rows]
    if not any(row.bitrate for row in rows):
        return []
    written = []
    for title, columns in table.blocks:
        path = folder / (title.lower().replace(" ", "_") + ".png")
        write_atomically(path, _grid(table.caption, title, columns, rows))
        written.append(path)
    return written


def _grid(caption: str, title: str, columns: Sequence[Column], rows: Sequence[Row]) -> bytes:
    from matplotlib.figure import Figure

    across = min(3, len(columns))
    down = math.ceil(len(columns) / across)
    figure = Figure(figsize=(4.2 * across, 3.1 * down + 0.9), layout="constrained")
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for axis, column in zip(axes, columns, strict=False):
        _draw(axis, column, rows)
    for axis in axes[len(columns) :]:
        axis.set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 6), frameon=False)
    figure.suptitle(f"{title} against bitrate. {caption}", fontsize=10, wrap=True)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=130, metadata={"Software": None})
    return image.getvalue()


def _draw(axis: Any, column: Column, rows: Sequence[Row]) -> None:
    """One metric: a line with intervals per codec and condition, the clean reference as a dashed line.

    A codec has one colour; its rows under a condition have a line of another style.
    """
    families: dict[str, list[Row]] = {}
    for row in rows:
        families.setdefault(row.family, []).append(row)
    coded = [name for name, members in families.items() if any(r.bitrate for r in members)]
    codecs = list(dict.fromkeys(families[name][0].codec for name in coded))
    conditions = list(dict.fromkeys(families[name][0].condition for name in coded))
    for name in coded:
        i = codecs.index(families[name][0].codec)
        style = LINES[conditions.index(families[name][0].condition) % len(LINES)]
        points = [
            (row.bitrate, cell.value, *_interval(cell))
            for row in sorted(families[name], key=lambda r: r.bitrate or 0)
            if row.bitrate and (cell := row.cells[column.label]).value is not None
        ]
        if not points:
            continue
        x, y, below, above = zip(*points, strict=True)
        axis.errorbar(
            x,
            y,
            yerr=(below, above),
            color=COLOURS[i % len(COLOURS)],
            marker=MARKERS[i % len(MARKERS)],
            markersize=4,
            linewidth=1.2,
            linestyle=style,
            capsize=2,
            label=name,
        )
    for row in rows:
        value = row.cells[column.label].value
        if not row.bitrate and not row.condition and value is not None:
            axis.axhline(value, color="grey", linestyle="--", linewidth=1, label=row.label)
    axis.set_xscale("log")
    axis.set_xlabel("kbit/s")
    axis.set_title(column.heading, fontsize=9)
    axis.grid(visible=True, which="both", alpha=0.25)
    axis.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axis.xaxis.set_minor_formatter(lambda x, _: f"{x:g}" if f"{x:.0e}"[0] in "25" else "")
    axis.tick_params(which="both", labelsize=8)


def _interval(cell: Cell) -> tuple[float, float]:
    """How far the interval reaches below and above the value; a bootstrap interval need not contain it."""
    if cell.value is None or cell.low is None or cell.high is None:
        return 0.0, 0.0
    return max(0.0, cell.value - cell.low), max(0.0, cell.high - cell.value)
