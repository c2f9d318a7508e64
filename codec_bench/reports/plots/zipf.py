"""How often n-grams of tokens occur by rank, compared with those of words and phones: MagiCodec's figure 3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from codec_bench.reports.plots import style
from codec_bench.reports.plots.material import Picture, PlotData

COLUMNS = ("system", "n", "rank", "count")


def draw(material: PlotData) -> Iterator[Picture]:
    """A panel per length of the n-grams; nothing where no run of kind `tokens` left `ngrams.csv`."""
    frame = material.frame("ngrams.csv", COLUMNS)
    if frame is None:
        return
    curves = {
        (n, system): normalised(part)
        for n in sorted(int(n) for n in frame.n.unique())
        for system in frame.system.unique().tolist()
        if (part := frame[(frame.n == n) & (frame.system == system) & (frame["count"] > 1)])["count"].nunique() > 1
    }
    lengths = sorted({n for n, _ in curves})
    if not lengths:
        return
    names = material.order([name for _, name in curves])
    figure, axes = style.grid(len(lengths), width=3.3, height=3.1)
    for axis, n in zip(axes, lengths, strict=True):
        _panel(axis, n, material, names, {name: curves[n, name] for name in names if (n, name) in curves})
    style.legend_below(figure, [Line2D([], [], label=name, **_line(material, names, name)) for name in names])
    caption = (
        "Logarithm of the count over that of the most frequent n-gram, against the logarithm of the rank over that of "
        "the last, as in MagiCodec's figure 3; n-grams that occur once are left out, "
        "and with them curves in which nothing differs. The nearer to a straight falling "
        "line, the nearer to Zipf's law."
    )
    yield material.picture("zipf", "Frequency of n-grams by rank", caption, figure)


def normalised(rows: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Normalised log-ranks and log-frequencies of n-grams that occur at least twice.

    Args:
        rows: With columns `rank` (from 1) and `count`.

    Returns:
        `log rank / log last rank` and `log count / log largest count`.
    """
    kept = rows[rows["count"] > 1].sort_values("rank")
    rank, count = np.log(kept["rank"].to_numpy(float)), np.log(kept["count"].to_numpy(float))
    return rank / max(float(rank[-1]), 1e-12), count / float(count.max())


def _panel(
    axis: Axes,
    n: int,
    material: PlotData,
    names: Sequence[str],
    curves: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> None:
    for i, (name, (x, y)) in enumerate(curves.items()):
        # Few markers, at other places for each line, so that lines stay lines.
        first = (i + 0.5) / len(curves) / 4
        marked = sorted({int(np.argmin(np.abs(x - at))) for at in np.arange(first, 1.0, 0.25)})
        axis.plot(x, y, label=name, markevery=marked, **_line(material, names, name))
    axis.set_title(f"n = {n}")
    axis.set_xlabel("log rank (normalised)")
    axis.set_ylabel("log frequency (normalised)")
    axis.set_xlim(-0.02, 1.02)
    axis.set_ylim(-0.02, 1.03)
    axis.set_aspect("equal")
    axis.grid(visible=True)


def _line(material: PlotData, names: Sequence[str], name: str) -> dict[str, Any]:
    """A system looks as everywhere; texts are grey, each with a line of its own."""
    look = material.look(name)
    line = look.line
    if look.colour == style.GREY:
        texts = [other for other in names if material.look(other).colour == style.GREY]
        line = style.REFERENCE_LINES[texts.index(name) % len(style.REFERENCE_LINES)]
    return {"color": look.colour, "marker": look.marker, "linestyle": line, "markersize": 5}
