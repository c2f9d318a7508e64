"""Quality against bitrate: areas are tokens per second, and names can be read."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.text import Annotation

from codec_bench.reports.plots import style
from tests.reports.plots.material import System, cell, drawn, make_run, only

SYSTEMS = [System("a", 0.5, tokens=40), System("b", 0.9, tokens=75), System("c", 6.0, tokens=600)]


@pytest.mark.parametrize(
    ("metrics", "chosen"),
    [(["pesq_wb", "nisqa", "utmos"], "utmos"), (["pesq_wb", "nisqa"], "nisqa"), (["stoi", "pesq_wb"], "pesq_wb")],
)
def test_utmos_then_nisqa_then_pesq_is_on_the_axis(tmp_path: Path, metrics: list[str], chosen: str):
    run = make_run(tmp_path, SYSTEMS, metrics)
    picture = only(run, "bubbles")
    assert picture.name == "quality_against_bitrate"
    (axis,) = picture.figure.axes
    assert axis.get_ylabel() == {"utmos": "UTMOS (MOS)", "nisqa": "NISQA (MOS)", "pesq_wb": "PESQ-wb (MOS-LQO)"}[chosen]
    assert axis.get_xscale() == "log"
    points = [c for c in axis.collections if isinstance(c, PathCollection)]
    places = {tuple(np.round(np.asarray(c.get_offsets())[0], 9)) for c in points}
    assert places == {(s.bitrate, round(float(cell(run, s.label, chosen).value), 9)) for s in SYSTEMS}


def test_areas_are_proportional_to_tokens_per_second(tmp_path: Path):
    (axis,) = only(make_run(tmp_path, [*SYSTEMS, System("opus", 7.0)], ["nisqa"]), "bubbles").figure.axes
    areas = {
        float(np.asarray(c.get_offsets())[0][0]): float(c.get_sizes()[0])
        for c in axis.collections
        if isinstance(c, PathCollection)
    }
    assert areas[0.5] / 40 == pytest.approx(areas[0.9] / 75)
    assert areas[0.5] / 40 == pytest.approx(areas[6.0] / 600)
    labels = [t.get_text() for legend in axis.get_figure().legends for t in legend.get_texts()]  # type: ignore[union-attr]
    assert labels == ["40 tokens/s", "600 tokens/s", "no known token rate"]


def test_names_lie_on_neither_each_other_nor_circles_nor_outside(tmp_path: Path):
    systems = [System(f"codec-{i}@{i}", 1.0 * 1.12**i, tokens=50.0 + 20 * (i % 5), scale=0.7) for i in range(16)]
    figure = only(make_run(tmp_path, systems, ["nisqa"]), "bubbles").figure
    (axis,) = figure.axes
    with style.settings():
        figure.draw_without_rendering()
    names = [t for t in axis.texts if isinstance(t, Annotation)]
    assert sorted(t.get_text() for t in names) == sorted(s.label for s in systems)
    boxes = [
        t.get_window_extent() if t.arrow_patch is None else super(Annotation, t).get_window_extent() for t in names
    ]
    for a, b in combinations(boxes, 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(wide, high) < 1.0, "two names overlap"
    frame = axis.get_window_extent()
    assert all(frame.x0 - 1 <= b.x0 and b.x1 <= frame.x1 + 1 for b in boxes)


def test_nothing_without_bitrate_or_quality(tmp_path: Path):
    assert drawn(make_run(tmp_path / "a", [System("a"), System("b")], ["nisqa"]), "bubbles") == {}
    assert drawn(make_run(tmp_path / "b", [System("a", 1.0), System("b", 2.0)], ["stoi"]), "bubbles") == {}
