"""Critical-difference diagrams: mean ranks of the systems of a bitrate group, and who cannot be told apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes

from codec_bench.reports.cells import TableColumn
from codec_bench.reports.plots import style
from codec_bench.reports.plots.material import Picture, PlotData, stem
from codec_bench.reports.standings import Standing, by_band
from codec_bench.reports.ties import ALPHA, Contest

FEWEST = 3
"""Of two systems, the table says as much."""


def draw(material: PlotData) -> Iterator[Picture]:
    """A picture for each bitrate group and condition with three systems or more, a panel for each main metric."""
    contest = Contest(material.runs)
    for band, rows in by_band(material.table.sections).items():
        found = [(c, s) for c in material.main if (s := Standing.of(contest, rows, c)) and len(s.ranks) >= FEWEST]
        if not found:
            continue
        tallest = max(len(s.ranks) for _, s in found)
        figure, axes = style.grid(len(found), height=0.8 + 0.26 * tallest, across=min(2, len(found)), width=4.6)
        for axis, (column, standing) in zip(axes, found, strict=True):
            _panel(axis, material, column, standing)
        caption = (
            f"Mean rank of each system over speakers, 1 the best, of {band}; grey bars join systems that nothing tells "
            f"apart (paired t of all pairs, Holm, {ALPHA:.0%})."
        )
        yield material.picture(stem("ranking", band), f"Ranking, {band}", caption, figure)


def _panel(axis: Axes, material: PlotData, column: TableColumn, standing: Standing) -> None:
    labels: Sequence[str] = [*standing.ranks]
    for place, label in enumerate(labels):
        look = material.look(label)
        axis.plot(standing.ranks[label], place, color=look.colour, marker=look.marker, linestyle="none")
    for i, clique in enumerate(standing.cliques()):
        first, last = labels.index(clique[0]), labels.index(clique[-1])
        at = 0.6 + 0.12 * i  # left of rank 1, so that no bar lies on a point
        axis.plot([at, at], [first - 0.25, last + 0.25], color=style.GREY, linewidth=4, alpha=0.6)
    axis.set_yticks(range(len(labels)), labels)
    axis.set_ylim(len(labels) - 0.4, -0.6)
    axis.set_xlim(0.4, len(labels) + 0.3)
    axis.set_xticks(range(1, len(labels) + 1))
    axis.set_xlabel("mean rank")
    axis.set_title(style.axis_label(column), fontsize=9, loc="left", color=style.SOFT)
    axis.grid(visible=True, axis="x")
