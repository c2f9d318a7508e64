"""Names next to points, placed so that they cover neither each other nor the points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from codec_bench.reports.plots.style import lay_out

DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
DISTANCES = (3.0, 10.0, 20.0, 32.0, 46.0, 62.0)
"""Between the edge of a point and its name, in points; from the second on a line leads there."""


@dataclass(frozen=True)
class Mark:
    """A point with a name, in data coordinates; the radius of what is drawn there is in typographic points."""

    text: str
    x: float
    y: float
    radius: float


class Segment(NamedTuple):
    """A horizontal or vertical line in data coordinates that names should not lie on."""

    x0: float
    y0: float
    x1: float
    y1: float


class _Box(NamedTuple):
    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: _Box) -> float:
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.top, other.top) - max(self.bottom, other.bottom)
        return wide * high if wide > 0 and high > 0 else 0.0


def place_labels(axis: Axes, marks: Sequence[Mark], lines: Sequence[Segment] = (), size: float = 8.0) -> None:
    """Writes each name at the first free place near its point, or where it covers least.

    The limits of the axes must be final, and the figure's size too.
    """
    figure = axis.get_figure()
    assert isinstance(figure, Figure)
    lay_out(figure)
    pixel = figure.dpi / 72
    at = [axis.transData.transform((m.x, m.y)) / pixel for m in marks]  # in points from here on
    frame = axis.get_window_extent()
    inside = _Box(frame.x0 / pixel, frame.y0 / pixel, frame.x1 / pixel, frame.y1 / pixel)
    taken = [_Box(x - m.radius, y - m.radius, x + m.radius, y + m.radius) for (x, y), m in zip(at, marks, strict=True)]
    for line in lines:
        (left, bottom), (right, top) = (axis.transData.transform(p) / pixel for p in (line[:2], line[2:]))
        taken.append(_Box(left - 2, bottom - 2, right + 2, top + 2))
    for (x, y), mark in zip(at, marks, strict=True):
        probe = axis.text(0, 0, mark.text, fontsize=size)
        extent = probe.get_window_extent()
        probe.remove()
        wide, high = extent.width / pixel, extent.height / pixel
        best: tuple[float, _Box, bool] | None = None
        for distance in DISTANCES:
            for dx, dy in DIRECTIONS:
                reach = (mark.radius if 0 in (dx, dy) else 0.75 * mark.radius) + distance
                left = x + dx * reach - (wide if dx < 0 else wide / 2 if dx == 0 else 0)
                bottom = y + dy * reach - (high if dy < 0 else high / 2 if dy == 0 else 0)
                box = _Box(left, bottom, left + wide, bottom + high)
                outside = wide * high - box.overlap(inside)
                cost = sum(box.overlap(other) for other in taken) + 4 * max(outside, 0.0)
                if best is None or cost < best[0] - 1e-6:
                    best = (cost, box, distance > DISTANCES[0])
            if best is not None and best[0] < 1e-6:
                break
        assert best is not None
        _, box, is_far = best
        taken.append(box)
        arrow = {"arrowstyle": "-", "color": "#909090", "linewidth": 0.6, "shrinkA": 0, "shrinkB": mark.radius}
        middle = ((box.left + box.right) / 2 - x, (box.bottom + box.top) / 2 - y)
        axis.annotate(
            mark.text, (mark.x, mark.y), xytext=middle, textcoords="offset points", ha="center", va="center",
            fontsize=size, arrowprops=arrow if is_far else None, zorder=6,
        )  # fmt: skip
