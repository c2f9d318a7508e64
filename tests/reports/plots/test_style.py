"""Colours, markers and lines: the same for a codec in every picture, and different for every codec."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from codec_bench.reports.cells import TableRow
from codec_bench.reports.plots import pictures, style
from codec_bench.reports.plots.style import COLOURS, MARKERS, looks_of
from tests.reports.plots.material import System, drawn, make_run

# Machado, Oliveira & Fernandes 2009, severity 1.0.
DEFICIENCIES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def test_one_long_interval_does_not_press_the_points_together() -> None:
    figure = style.new_figure(3, 3)
    axis = figure.subplots()
    values, reaches = [10.0, 20.0, 30.0, 40.0], [2.0, 3.0, 2.0, 900.0]
    axis.errorbar(range(4), values, yerr=(np.minimum(reaches, 9.0), reaches))
    style.bound(axis)
    low, high = axis.get_ylim()
    assert 0 < low < 8
    assert 40 < high < 80
    axis.clear()
    axis.set_ylim(0, 50)
    style.bound(axis)
    axis.errorbar([0, 1], [10.0, 12.0], yerr=[2.0, 3.0])  # as long as each other: nothing is cut
    axis.set_ylim(0, 50)
    style.bound(axis)
    assert axis.get_ylim() == (0, 50)


def linear(colour: str) -> NDArray[np.float64]:
    c = np.asarray(to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE L*a*b* of linear sRGB."""
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
    )
    x = to_xyz @ rgb / np.array([0.95047, 1.0, 1.08883])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colour_blind_readers_can_tell_the_colours_apart(deficiency: str):
    seen = [lab(np.clip(np.asarray(DEFICIENCIES[deficiency]) @ linear(c), 0, 1)) for c in COLOURS]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 15


def test_colours_are_those_of_okabe_and_ito():
    if "okabe_ito" not in mpl.color_sequences:
        pytest.skip("this matplotlib does not have the palette")
    published = {to_hex(c).upper() for c in mpl.color_sequences["okabe_ito"]}
    assert published - set(COLOURS) == {"#F0E442"}
    assert set(COLOURS) <= published


def test_84_codecs_look_different_and_neighbours_differ_in_both():
    looks = list(looks_of(TableRow(f"c{i}", 1.0, "", None, {}) for i in range(84)).values())
    assert len({(look.colour, look.marker) for look in looks}) == 84
    for a, b in pairwise(looks):
        assert a.colour != b.colour
        assert a.marker != b.marker
    assert len(set(MARKERS)) == len(MARKERS)


def test_settings_share_colour_and_marker_and_differ_in_line():
    rows = [TableRow(f"a@{i}", 1.0, "", None, {}) for i in range(4)]
    rows.append(TableRow("a@1+noise@5", 1.0, "", None, {}, condition="noise@5"))
    looks = list(looks_of(rows).values())
    assert len({(look.colour, look.marker) for look in looks}) == 1
    assert len({str(look.line) for look in looks[:4]}) == 4
    assert looks[4] == looks[1]


@pytest.mark.long
def test_a_codec_looks_the_same_in_all_pictures_of_a_report(tmp_path: Path):
    """Colours are read off what is drawn: lines, points and boxes that carry the name of a system."""
    systems = [System(f"c{i}@{r}", r / 2, tokens=50.0 * r, scale=0.5 + 0.04 * i) for i in range(10) for r in (1, 8)]
    runs = [
        make_run(tmp_path / "a", systems, ["pesq_wb", "stoi", "wer[toy]"], utterances=20),
        make_run(tmp_path / "b", systems[4:8], ["stoi"], dataset="other", manifest="n"),
    ]
    seen: dict[str, set[tuple[str, str]]] = {}
    names = set()
    for picture in pictures(runs):
        names.add(picture.name)
        found = [line for axis in picture.figure.axes for line in axis.get_lines()]
        for legend in picture.figure.legends:
            handles = zip(legend.legend_handles, legend.get_texts(), strict=True)
            found += [h for h, t in handles if isinstance(h, Line2D) and h.set_label(t.get_text()) is None]
        for line in found:
            codec = str(line.get_label()).partition("@")[0]
            if codec in {f"c{i}" for i in range(10)} and line.get_marker() not in ("None", ""):
                seen.setdefault(codec, set()).add((to_hex(line.get_color()).upper(), str(line.get_marker())))
    assert {"main_metrics", "main_metrics-other", "radar", "lengths_main_metrics"} <= names
    assert sorted(seen) == sorted(f"c{i}" for i in range(10))
    assert all(len(looks) == 1 for looks in seen.values()), seen
    assert len({look for looks in seen.values() for look in looks}) == 10


@pytest.mark.long
def test_legends_cover_no_data_and_nothing_leaves_the_picture(tmp_path: Path):
    systems = [System(f"codec-with-a-long-name-{i}@{1000 * i}", 0.3 + i, tokens=50.0 * (1 + i)) for i in range(24)]
    run = make_run(tmp_path, systems, ["pesq_wb", "stoi", "wer[toy]"])
    for kind in ("bitrate", "radar", "bubbles"):
        for picture in drawn(run, kind).values():
            figure = picture.figure
            with style.settings():
                figure.draw_without_rendering()
            frame = figure.bbox
            assert figure.legends, picture.name
            for legend in figure.legends:
                box = legend.get_window_extent()
                assert box.x0 >= -1, (picture.name, box)
                assert box.x1 <= frame.x1 + 1, (picture.name, box)
                assert box.y0 >= -1
                assert not any(box.overlaps(axis.get_window_extent()) for axis in figure.axes)
            title = figure._suptitle  # type: ignore[attr-defined]
            assert title.get_window_extent().x0 >= 0
            assert title.get_window_extent().x1 <= frame.x1
            sizes = [
                t.get_fontsize() for a in figure.axes for t in (a.xaxis.label, a.yaxis.label, *a.get_xticklabels())
            ]
            assert min(sizes) >= 7
