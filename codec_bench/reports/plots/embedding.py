"""Where utterances lie when what a codec makes of them is put on a plane: MagiCodec's figure 2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from matplotlib.lines import Line2D

from codec_bench.reports.plots import style
from codec_bench.reports.plots.material import Picture, PlotData

COLUMNS = ("system", "utterance", "label", "x", "y", "method")
METHODS = {"tsne": "t-SNE", "pca": "PCA", "umap": "UMAP"}

MOST_LABELS = 20
"""Labels that the legend tells apart; the most frequent ones where there are more."""


def draw(material: PlotData) -> Iterator[Picture]:
    """A panel per system, points coloured by label; nothing where no run left `embedding_map.csv`."""
    frame = material.frame("embedding_map.csv", COLUMNS)
    if frame is None:
        return
    frame = frame.assign(label=frame.label.fillna("").astype(str))
    counts = frame.label.value_counts()
    ranked = sorted(counts.index, key=lambda label: (-counts[label], label))
    labels = sorted(ranked[:MOST_LABELS])
    names = material.order(frame.system)
    figure, axes = style.grid(len(names), width=3.2, height=3.3)
    for axis, name in zip(axes, names, strict=True):
        rows = frame[frame.system == name]
        others = rows[~rows.label.isin(labels)]
        axis.plot(others.x, others.y, linestyle="", marker=".", markersize=4, color="#C0C0C0", markeredgewidth=0)
        for i, label in enumerate(labels):
            part = rows[rows.label == label]
            axis.plot(part.x, part.y, label=label, alpha=0.8, markeredgewidth=0, **_point(i))
        axis.set_title(f"{name} ({METHODS.get(str(rows.method.iloc[0]), rows.method.iloc[0])}, n={len(rows)})")
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[["top", "right"]].set_visible(True)
        axis.set_box_aspect(1)
    handles = [Line2D([], [], label=label or "(no label)", **_point(i)) for i, label in enumerate(labels)]
    if more := len(counts) - len(labels):
        handles.append(Line2D([], [], label=f"{more} more", linestyle="", marker=".", color="#C0C0C0"))
    style.legend_below(figure, handles)
    methods = [METHODS.get(m, m) for m in dict.fromkeys(frame.method.astype(str))]
    title = f"Utterances on a plane ({', '.join(methods)})"
    caption = (
        f"One point per utterance and system, by {', '.join(methods)}; colours and markers are labels of the data, not "
        "codecs. Axes have no unit, and distances between panels mean nothing."
    )
    if "embedding" in frame:
        made = ", ".join(dict.fromkeys(frame.embedding.astype(str)))
        caption += f" What was projected, per utterance: {made}."
    yield material.picture("embedding_map", title, caption, figure)


def _point(number: int) -> dict[str, Any]:
    return {
        "color": style.COLOURS[number % len(style.COLOURS)],
        "marker": style.MARKERS[number % len(style.MARKERS)],
        "linestyle": "",
        "markersize": 5.0,
    }
