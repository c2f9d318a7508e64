"""Metrics against bitrate: every point is a row of the summary, at its bitrate, with its interval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer

from codec_bench.reports.plots import style
from tests.reports.plots.material import System, cell, drawn, make_run, only, panel

SYSTEMS = [
    System("ground-truth", None, "reference"),
    System("a@1", 0.5, scale=0.8),
    System("a@2", 1.0, scale=0.9, missing={"stoi": 3}),
    System("b", 6.0),
    System("files", None, scale=0.7),
]


def lines(axis: Axes) -> dict[str, ErrorbarContainer]:
    return {str(c.get_label()): c for c in axis.containers if isinstance(c, ErrorbarContainer)}


def test_points_and_bars_are_the_rows_of_the_summary(tmp_path: Path):
    run = make_run(tmp_path, SYSTEMS)
    picture = drawn(run, "bitrate")["main_metrics"]
    assert "Bars: 95 % intervals, t over 6 speakers. " in picture.caption
    figure = picture.figure
    assert len(figure.axes) == 3
    for metric, label in (("pesq_wb", "PESQ-wb (MOS-LQO)"), ("stoi", "STOI"), ("wer[toy]", "WER[toy] (%)")):
        axis = panel(figure, label)
        found = lines(axis)
        assert set(found) == {"a", "b"}
        rows = [cell(run, s, metric) for s in ("a@1", "a@2")]
        data, _, (bars,) = found["a"].lines
        assert data is not None
        assert np.asarray(data.get_xdata()).tolist() == [0.5, 1.0]
        assert np.allclose(data.get_ydata(), [r.value for r in rows], rtol=1e-12)
        for segment, row in zip(bars.get_segments(), rows, strict=True):
            assert np.allclose(np.asarray(segment)[:, 1], [row.ci_low, row.ci_high])
            assert row.ci_low < row.value < row.ci_high
            is_lopsided = row.ci_high - row.value > 1.01 * (row.value - row.ci_low)
            assert is_lopsided == metric.startswith("wer")
        assert axis.get_xscale() == "log"
        assert axis.get_xlabel() == "bitrate (kbit/s)"
        better = "lower" if metric.startswith("wer") else "higher"
        assert f"{better} is better" in axis.get_title("left")


def test_rows_without_a_bitrate_are_lines_of_their_own_colour(tmp_path: Path):
    run = make_run(tmp_path, SYSTEMS)
    axis = panel(drawn(run, "bitrate")["main_metrics"].figure, "STOI")
    flat = {
        str(line.get_label()): line for line in axis.get_lines() if str(line.get_label()) in ("ground-truth", "files")
    }
    assert set(flat) == {"ground-truth", "files"}
    for name, line in flat.items():
        assert set(np.asarray(line.get_ydata()).tolist()) == {float(cell(run, name, "stoi").value)}
    assert to_hex(flat["ground-truth"].get_color()).upper() == style.GREY
    assert to_hex(flat["files"].get_color()).upper() in style.COLOURS


def test_a_reference_that_is_far_away_is_written_and_does_not_stretch_the_axis(tmp_path: Path):
    """The recordings themselves have about 95 dB of SI-SDR, where codecs have 5."""
    run = make_run(tmp_path, [System("ground-truth", None, "reference", scale=50), *SYSTEMS[1:4]], ["mcd"])
    value = f"{cell(run, 'ground-truth', 'mcd').value:.3f} dB"
    axis = drawn(run, "bitrate")["spectral"].figure.axes[0]
    assert [t.get_text() for t in axis.texts] == [f"ground-truth: {value}"]
    assert axis.get_ylim()[1] < 2
    axis = drawn(run, "distributions")["distributions_spectral"].figure.axes[0]
    assert value in [t.get_text() for t in axis.texts]
    assert axis.get_xlim()[1] < 2


def test_a_point_over_few_utterances_is_hollow(tmp_path: Path):
    picture = drawn(make_run(tmp_path, SYSTEMS), "bitrate")["main_metrics"]
    fills = {}
    for name in ("STOI", "PESQ"):
        points = [line for line in panel(picture.figure, name).get_lines() if len(np.atleast_1d(line.get_xdata())) == 1]
        fills[name] = {float(np.atleast_1d(p.get_xdata())[0]): p.get_fillstyle() for p in points}
    assert fills == {"STOI": {0.5: "full", 1.0: "none", 6.0: "full"}, "PESQ": {0.5: "full", 1.0: "full", 6.0: "full"}}
    assert "Hollow" in picture.caption


def test_conditions_keep_the_colour_and_differ_in_line_and_filling(tmp_path: Path):
    systems = [System("a@1", 1.0), System("a@2", 2.0), System("a@1+noise@5", 1.0, condition="noise@5"),
               System("a@2+noise@5", 2.0, condition="noise@5")]  # fmt: skip
    figure = only(make_run(tmp_path, systems, ["stoi"]), "bitrate").figure
    found = lines(figure.axes[0])
    clean, noisy = (found[name].lines[0] for name in ("a", "a+noise@5"))
    assert clean is not None
    assert noisy is not None
    assert clean.get_color() == noisy.get_color()
    assert clean.get_linestyle() != noisy.get_linestyle()
    fills = [line.get_fillstyle() for line in figure.axes[0].get_lines() if len(np.atleast_1d(line.get_xdata())) == 1]
    assert sorted(fills) == ["bottom", "bottom", "full", "full"]
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == ["a", "a+noise@5"]


def test_nothing_is_drawn_without_a_bitrate(tmp_path: Path):
    assert drawn(make_run(tmp_path, [System("a"), System("ground-truth", group="reference")]), "bitrate") == {}


@pytest.mark.parametrize(
    ("bitrates", "ticks"),
    [
        ([0.7, 22.17], [1, 2, 5, 10, 20]),
        ([0.65, 0.85], [0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1]),
        ([6.0], [5, 10]),
    ],
)
def test_ticks_are_round_figures_where_the_data_are(bitrates: list[float], ticks: list[float]):
    figure, (axis,) = style.grid(1)
    style.log_bitrate_axis(axis, bitrates)
    found = axis.xaxis.get_majorticklocs().tolist()
    assert set(ticks) <= set(found)
    low, high = axis.get_xlim()
    assert low < min(bitrates)
    assert high > max(bitrates)
    assert len(found) >= 3
    figure.clear()
