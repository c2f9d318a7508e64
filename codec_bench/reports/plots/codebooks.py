"""How evenly codebooks are used: shares and bits per codebook, and how often each entry occurs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from codec_bench.reports.plots import style
from codec_bench.reports.plots.material import Picture, PlotData

USE_COLUMNS = ("system", "codebook", "size", "utilisation", "normalised_entropy", "entropy_bits")
USAGE_COLUMNS = ("system", "codebook", "rank", "count")

MOST_PANELS = 12
"""Systems in one picture of frequencies."""

DASH: dict[str, Any] = {"linestyle": "", "marker": "_", "markersize": 11, "markeredgewidth": 1.8}
CROSS: dict[str, Any] = {"linestyle": "", "marker": "x", "markersize": 4.5, "markeredgewidth": 1.0, "color": "black"}


def draw(material: PlotData) -> Iterator[Picture]:
    """Use per codebook, and frequencies of entries; each where a run of kind `tokens` left its file."""
    use = material.frame("codebooks.csv", USE_COLUMNS)
    if use is not None:
        yield _use(material, use)
    usage = material.frame("usage.csv", USAGE_COLUMNS)
    if usage is not None:
        yield _frequencies(material, usage, use)


def _use(material: PlotData, use: pd.DataFrame) -> Picture:
    """Utilisation, normalised entropy and bits against the number of the codebook."""
    figure, axes = style.grid(3, width=3.6, height=3.1)
    names = material.order(use.system)
    has_huffman = "huffman_bits" in use
    for i, name in enumerate(names):
        rows = use[use.system == name].sort_values("codebook")
        line = _line(material, name) | ({"linestyle": ""} if len(rows) == 1 else {})
        shift = (i - (len(names) - 1) / 2) * min(0.1, 0.5 / len(names))
        x = rows.codebook.to_numpy(float) + shift
        axes[0].plot(x, 100 * rows.utilisation.to_numpy(float), label=name, **line)
        axes[1].plot(x, rows.normalised_entropy.to_numpy(float), label=name, **line)
        axes[2].plot(x, rows.entropy_bits.to_numpy(float), label=name, **line)
        size = np.log2(rows["size"].to_numpy(float))
        axes[2].plot(x, size, color=line["color"], **DASH)
        if has_huffman:
            axes[2].plot(x, rows.huffman_bits.to_numpy(float), zorder=5, **CROSS)
    for axis, label, (low, high) in zip(
        axes,
        ("entries used (% of the codebook)", "entropy / log2(size)", "bits per token"),
        ((-3.0, 104.0), (-0.03, 1.04), (None, None)),
        strict=True,
    ):
        axis.set_ylabel(label)
        axis.set_xlabel("codebook")
        axis.set_ylim(low, high)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axis.set_xlim(0.4, float(use.codebook.max()) + 0.6)
        axis.grid(visible=True)
    axes[0].set_title("↑ more is used", fontsize=9, loc="left", color=style.SOFT)
    axes[1].set_title("↑ more evenly used", fontsize=9, loc="left", color=style.SOFT)
    axes[2].set_ylim(0, None)
    handles = [Line2D([], [], label=name, **_line(material, name)) for name in names]
    handles.append(Line2D([], [], label="log2(size)", color=style.GREY, **DASH))
    handles += [Line2D([], [], label="Huffman code", **CROSS)] if has_huffman else []
    style.legend_below(figure, handles)
    caption = (
        "Left: share of a codebook's entries that occur at all. Middle: entropy of the entries over that of an evenly "
        "used codebook of the same size, used or not. Right: entropy in bits, the codebook's size in bits (dashes)"
    )
    caption += " and the mean length of a Huffman code (crosses)." if has_huffman else "."
    caption += " Points are moved sideways so that they do not cover each other."
    return material.picture("codebook_use", "Use of codebooks", caption, figure)


def _frequencies(material: PlotData, usage: pd.DataFrame, use: pd.DataFrame | None) -> Picture:
    """Count of each entry by rank, a panel per system, the codebooks from dark to light."""
    names = material.order(usage.system)
    kept = names[:MOST_PANELS]
    figure, axes = style.grid(len(kept), width=3.5, height=2.8, sharey=True)
    for i, (axis, name) in enumerate(zip(axes, kept, strict=True)):
        rows = usage[(usage.system == name) & (usage["count"] > 0)]
        books = sorted(rows.codebook.unique())
        for number, book in enumerate(books):
            part = rows[rows.codebook == book].sort_values("rank")
            # Viridis up to where it is still dark enough on white.
            colour = _shade(number / max(1, len(books) - 1))
            size = _size(use, name, book)
            x = part["rank"].to_numpy(float) / size if size else part["rank"].to_numpy(float)
            axis.plot(x, part["count"].to_numpy(float), color=colour, linewidth=1.3, label=f"codebook {book}")
        _frame(axis, name, is_first=i % 3 == 0 or (len(kept) == 4 and i % 2 == 0), is_share=use is not None)
        if len(books) > 1:
            ends = [
                Line2D([], [], color=_shade(at), label=f"codebook {book}")
                for at, book in ((0, books[0]), (1, books[-1]))
            ]
            axis.legend(handles=ends, loc="lower left", frameon=False)
    caption = "Entries of each codebook, sorted by how often they occur; entries that never occur are left out."
    if use is not None:
        caption += " A line that ends before 1 belongs to a codebook that is not used up."
    if len(kept) < len(names):
        caption += f" {len(kept)} of {len(names)} systems."
    return material.picture("codebook_frequencies", "How often entries of codebooks occur", caption, figure)


def _frame(axis: Axes, name: str, *, is_first: bool, is_share: bool) -> None:
    axis.set_xscale("log")
    axis.set_yscale("log")
    for each in (axis.xaxis, axis.yaxis):
        each.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        each.set_minor_formatter(NullFormatter())
    axis.set_title(name)
    axis.set_xlabel("rank / size of the codebook" if is_share else "rank")
    if is_first:
        axis.set_ylabel("occurrences")
    axis.grid(visible=True)


def _size(use: pd.DataFrame | None, system: str, book: Any) -> float | None:
    if use is None:
        return None
    found = use[(use.system == system) & (use.codebook == book)]["size"]
    return float(found.iloc[0]) if len(found) else None


def _shade(share: float) -> str:
    """A colour between the first codebook (dark violet) and the last (green)."""
    return to_hex(colormaps["viridis"](0.8 * min(1.0, max(0.0, share))))


def _line(material: PlotData, name: str) -> dict[str, Any]:
    return material.look(name).with_line(markersize=4.5, linewidth=1.1)
