"""Confusion matrices of probes: which classes are confused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from codec_bench.errors import UsageError
from codec_bench.files import read_json
from codec_bench.reports.plots import style
from codec_bench.reports.plots.material import Picture, PlotData, stem
from codec_bench.runs.directory import Run

MOST_NUMBERS = 12
"""Classes up to which every cell has its percentage written in it."""

MOST_NAMES = 40
"""Classes up to which every one is named on the axes."""


def draw(material: PlotData) -> Iterator[Picture]:
    """A picture per task, a panel per system; nothing where no run of kind `probe` left `confusion.json`."""
    tasks: dict[str, list[tuple[str, list[str], NDArray[np.float64]]]] = {}
    for run in material.runs:
        for entry in matrices(run):
            counts = np.asarray(entry["matrix"], dtype=np.float64)
            label = material.label(run, str(entry["system"]))
            tasks.setdefault(str(entry["task"]), []).append((label, [str(c) for c in entry["labels"]], counts))
    for task, found in tasks.items():
        classes = max(len(labels) for _, labels, _ in found)
        names = material.order([name for name, _, _ in found])
        found.sort(key=lambda f: names.index(f[0]))
        side = min(7.5, max(3.3, 0.3 * classes + 1.2))
        figure, axes = style.grid(len(found), width=side, height=side, across=None if classes <= MOST_NUMBERS else 2)
        images = [_panel(axis, *entry) for axis, entry in zip(axes, found, strict=True)]
        bar = figure.colorbar(images[-1], ax=axes, fraction=0.03, pad=0.02, shrink=0.85)
        bar.set_label("share of the true class (%)")
        caption = (
            f"Task {task}: rows are true classes, columns what the probe says, in percent of the row; a row without "
            "utterances is grey. Accuracy is over all utterances, with their number."
        )
        yield material.picture(stem("confusion", task), f"Confusions: {task}", caption, figure)


def matrices(run: Run) -> list[Mapping[str, Any]]:
    """The content of a run's `confusion.json`; empty if there is none.

    Raises:
        UsageError: It cannot be read, or a matrix does not fit its labels.
    """
    path = run.file("confusion.json")
    if not path.exists():
        return []
    try:
        entries: list[Mapping[str, Any]] = read_json(path)
        for entry in entries:
            size = len(entry["labels"])
            fits = np.asarray(entry["matrix"], dtype=np.float64).shape == (size, size)
            if not fits or not {"system", "task"} <= set(entry):
                raise ValueError("a matrix that does not fit its labels")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} cannot be drawn: {error}") from error
    return entries


def _panel(axis: Axes, name: str, labels: list[str], counts: NDArray[np.float64]) -> AxesImage:
    totals = counts.sum(axis=1, keepdims=True)
    share = np.full_like(counts, np.nan)
    np.divide(100 * counts, totals, out=share, where=totals > 0)
    axis.set_facecolor("#D8D8D8")
    image = axis.imshow(share, cmap="Blues", vmin=0, vmax=100, interpolation="nearest")
    n = int(counts.sum())
    right = f"{100 * np.trace(counts) / n:.1f} %" if n else "–"
    axis.set_title(f"{name}\naccuracy {right}, n={n}", fontsize=9.5)
    if len(labels) <= MOST_NAMES:
        size = 8 if len(labels) <= 20 else 6.5
        axis.set_xticks(range(len(labels)), labels, rotation=90 if max(map(len, labels)) > 3 else 0, fontsize=size)
        axis.set_yticks(range(len(labels)), labels, fontsize=size)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    axis.spines[["top", "right"]].set_visible(True)
    if len(labels) <= MOST_NUMBERS:
        for (i, j), value in np.ndenumerate(share):
            if not np.isnan(value):
                colour = "white" if value > 55 else "black"
                axis.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=7.5, color=colour)
    return image
