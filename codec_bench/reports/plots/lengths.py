"""Metrics against the length of the utterance: Stable-Codec's figure 3."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from codec_bench.reports.cells import TableColumn
from codec_bench.reports.plots import style
from codec_bench.reports.plots.material import Picture, PlotData, PlottedRow, stem
from codec_bench.stats import Estimate, cluster_names, estimate, share_of

EDGES = (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 60, 120, 300, 600)
"""Seconds at which a bin may end."""

FEWEST = 5
"""Utterances in a bin; bins with fewer are joined with the next."""

MOST_BINS = 8
MOST_SYSTEMS = 9
"""More systems than this would hide each other: then each codec is shown at its highest bitrate, as the paper does."""


@dataclass(frozen=True)
class Bin:
    """Utterances of like length.

    Attributes:
        low: Seconds, included; 0 for the first bin.
        high: Seconds, excluded; infinite for the last bin.
    """

    low: float
    high: float
    utterances: frozenset[str]

    @property
    def label(self) -> str:
        """`3-5` seconds, and how many."""
        span = f"≥ {self.low:g}" if math.isinf(self.high) else f"{self.low:g}–{self.high:g}"
        return f"{f'< {self.high:g}' if self.low == 0 else span}\nn={len(self.utterances)}"


def draw(material: PlotData) -> Iterator[Picture]:
    """One grid per block of metrics; nothing where lengths are not known or all utterances are about as long."""
    bins = length_bins(durations(material))
    systems = _systems(material)
    if len(bins) < 2 or not systems:
        return
    for title, columns in material.table.blocks:
        found = {(e.label, c.label): by_length(e.scores(c), bins, c) for e in systems for c in columns}
        shown = [c for c in columns if any(v.value is not None for e in systems for v in found[e.label, c.label])]
        if not shown:
            continue
        figure, axes = style.grid(len(shown), width=max(3.7, 0.62 * len(bins) + 1.0))
        for axis, column in zip(axes, shown, strict=True):
            _panel(axis, bins, [(e, found[e.label, column.label]) for e in systems], column)
        style.legend_below(figure, [Line2D([], [], label=e.label, **_line(e)) for e in systems])
        what = f"{title} against the length of the utterance"
        yield material.picture(stem("lengths", title), what, _caption(material, systems), figure)


def durations(material: PlotData) -> dict[str, float]:
    """Seconds of every recording; empty for generated speech, whose length is the system's own."""
    if any(run.info["plan"].get("generated") for run in material.runs):
        return {}
    frame = material.frame("reconstructions.csv", ["system", "utterance"])
    if frame is None or not {"reference_samples", "reference_rate"} <= set(frame):
        return {}
    known = frame.dropna(subset=["reference_samples", "reference_rate"]).drop_duplicates("utterance")
    seconds = known.reference_samples.astype(float) / known.reference_rate.astype(float)
    return dict(zip(known.utterance.astype(str), seconds.tolist(), strict=True))


def length_bins(seconds: Mapping[str, float]) -> list[Bin]:
    r"""Bins between round figures that hold at least `FEWEST` utterances and about an equal share of them.

    >>> [b.label for b in length_bins({str(i): 0.5 + i for i in range(12)})]
    ['< 5\nn=5', '≥ 5\nn=7']
    """
    target = max(FEWEST, math.ceil(len(seconds) / MOST_BINS))
    bins: list[Bin] = []
    low = 0.0
    for high in (*map(float, EDGES), math.inf):
        members = frozenset(u for u, s in seconds.items() if low <= s < high)
        if len(members) >= target:
            bins.append(Bin(low, high, members))
            low = high
    rest = frozenset(u for u, s in seconds.items() if s >= low)
    if bins and (rest or not math.isinf(bins[-1].high)):
        last = bins.pop()
        bins.append(Bin(last.low, math.inf, last.utterances | rest))
    return bins


def by_length(scores: pd.DataFrame, bins: Sequence[Bin], column: TableColumn) -> list[Estimate]:
    """The value of a metric over each bin, with an interval, pooled as in the table."""
    names = [str(u) for u in scores.utterance]
    speakers = [None if pd.isna(s) else str(s) for s in scores.speaker]
    clusters = np.asarray(cluster_names(names, speakers), dtype=object)
    tops, bottoms = scores.numerator.to_numpy(float), scores.denominator.to_numpy(float)
    scale, share = 100.0 if column.unit == "%" else 1.0, share_of(column.unit, column.better)
    found = []
    for part in bins:
        inside = np.asarray([n in part.utterances for n in names], dtype=bool)
        parts = (tops[inside].tolist(), bottoms[inside].tolist(), [str(c) for c in clusters[inside]])
        found.append(estimate(*parts, expected=len(part.utterances), scale=scale, share=share))
    return found


def _systems(material: PlotData) -> list[PlottedRow]:
    """The clean rows, or the highest bitrate of each codec where they are many."""
    if len(material.clean) <= MOST_SYSTEMS:
        return material.clean
    best: dict[str, PlottedRow] = {}
    for entry in material.clean:
        known = best.setdefault(entry.row.family, entry)
        if (entry.row.bitrate or 0.0) > (known.row.bitrate or 0.0):
            best[entry.row.family] = entry
    return list(best.values())


def _panel(
    axis: Axes, bins: Sequence[Bin], rows: Sequence[tuple[PlottedRow, list[Estimate]]], column: TableColumn
) -> None:
    step = min(0.06, 0.36 / len(rows))
    for i, (entry, estimates) in enumerate(rows):
        offset = (i - (len(rows) - 1) / 2) * step
        points = [
            (k + offset, e.value, *style.interval(e), style.is_partial(e.n, e.expected))
            for k, e in enumerate(estimates)
            if e.value is not None
        ]
        if not points:
            continue
        x, y, below, above, partial = zip(*points, strict=True)
        line = _line(entry)
        axis.errorbar(x, y, yerr=(below, above), elinewidth=0.9, capsize=2, label=entry.label, **line)
        for at, value, is_hollow in zip(x, y, partial, strict=True):
            if is_hollow:
                axis.plot(at, value, **(line | {"markerfacecolor": "white", "linestyle": ""}))
    style.bound(axis)
    axis.set_xticks(range(len(bins)), [b.label for b in bins])
    axis.set_xlim(-0.5, len(bins) - 0.5)
    axis.set_xlabel("length (s), number of utterances")
    style.metric_axis(axis, column, lines="y")


def _line(entry: PlottedRow) -> dict[str, Any]:
    return entry.look.with_line(markersize=4.5, linewidth=1.2)


def _caption(material: PlotData, systems: Sequence[PlottedRow]) -> str:
    caption = (
        "Values pooled over the utterances of each length, as in Stable-Codec's figure 3 but without overlap. Bars: "
        "95 % intervals as in the table; none where a bin has one speaker or utterance. Points are moved sideways so "
        "that they do not cover each other; hollow: less than 95 % of the bin."
    )
    if len(systems) < len(material.clean):
        caption += " Each codec at its highest bitrate."
    if len(material.clean) < len(material.coded):
        caption += " Rows under a condition are left out."
    return caption
