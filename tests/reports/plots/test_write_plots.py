"""Files: what is written, under which names, and that it is the same every time."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from codec_bench.errors import UsageError
from codec_bench.reports.plots import pictures, style, write_plots
from codec_bench.runs.directory import load_run
from tests.reports.plots.material import System, drawn, make_run

SCHEMA_1 = Path(__file__).parent.parent.parent / "runs" / "data" / "schema_1"
NAMES = ["a<b&c>\"'", "$x_1^2$", "_hidden", "%n 中文"]


@pytest.mark.long
def test_a_run_of_the_first_schema_is_drawn(tmp_path: Path):
    run = load_run(SCHEMA_1)
    plots = write_plots([run], tmp_path / "plots", kinds=["bitrate"])
    assert [p.name for p in plots] == ["main_metrics", "spectral"]
    assert plots[0].paths == (tmp_path / "plots" / "main_metrics.png",)
    names = [p.name for p in pictures([run])]
    assert names[:4] == ["main_metrics", "spectral", "quality_against_bitrate", "severity_gain"]
    assert "radar" not in names  # each group has one system
    assert "distributions_main_metrics" in names
    axis = drawn(run, "bitrate")["main_metrics"].figure.axes[0]
    expected = {round(v, 9) for v in run.summary.bitrate_kbps.dropna()}
    found = {round(float(np.atleast_1d(line.get_xdata())[0]), 9) for line in axis.get_lines()
             if len(np.atleast_1d(line.get_xdata())) == 1}  # fmt: skip
    assert found == expected


def test_formats_lie_side_by_side_and_a_png_has_the_size_of_the_figure_and_shows_something(tmp_path: Path):
    run = make_run(tmp_path, [System("a", 1.0), System("b", 2.0)], ["stoi"])
    (picture,) = pictures([run], ["bitrate"])
    (plot,) = write_plots([run], tmp_path / "plots", ("pdf", "png"), ["bitrate"])
    assert [p.name for p in plot.paths] == ["main_metrics.pdf", "main_metrics.png"]
    assert sorted((tmp_path / "plots").iterdir()) == list(plot.paths)
    with Image.open(plot.paths[1]) as image:
        image.load()
        width, height = (picture.figure.get_size_inches() * style.DPI).tolist()
        assert image.size == (int(width), int(height))
        colours = {tuple(c) for c in np.asarray(image.convert("RGB")).reshape(-1, 3)}
    for colour in style.COLOURS[:2]:
        assert tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) in colours


@pytest.mark.long
def test_svgs_are_xml_and_their_text_is_text(tmp_path: Path):
    run = make_run(
        tmp_path, [System(n, 1.0 + i) for i, n in enumerate(NAMES)], ["stoi", "secs", "wer[toy]"], dataset="<d&>"
    )
    plots = write_plots([run], tmp_path / "plots", ["svg"])
    assert len(plots) >= 4
    for plot in plots:
        text = plot.paths[0].read_text(encoding="utf-8")
        root = ET.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        words = " | ".join("".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text"))
        for name in NAMES:
            assert name in words, (plot.name, name)
        assert "<d&>: 12 utterances" in words
        assert not [e for e in root.iter() if e.tag.endswith("script")]


@pytest.mark.long
@pytest.mark.parametrize("file_format", style.FORMATS)
@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes_whatever_the_users_settings(tmp_path: Path, file_format: str):
    systems = [System("a", 1.0, tokens=50), System("b", 2.0), System("c", 0.3)]
    run = make_run(tmp_path, systems, ["stoi", "secs", "nisqa"] if file_format == "svg" else ["stoi"])
    kinds = None if file_format == "svg" else ["bitrate", "distributions"]
    first = write_plots([run], tmp_path / "1", [file_format], kinds)
    with mpl.rc_context(
        {"font.size": 31, "svg.fonttype": "path", "axes.grid": True, "savefig.dpi": 33, "lines.marker": "x"}
    ):
        second = write_plots([load_run(tmp_path)], tmp_path / "2", [file_format], kinds)
        assert mpl.rcParams["font.size"] == 31
    assert [p.name for p in first] == [p.name for p in second]
    for a, b in zip(first, second, strict=True):
        assert a.paths[0].read_bytes() == b.paths[0].read_bytes(), a.name
    magic = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[file_format]
    assert all(p.paths[0].read_bytes().startswith(magic) for p in first)


def test_runs_on_other_data_have_pictures_of_their_own_with_names_of_their_own(tmp_path: Path):
    one = make_run(tmp_path / "a", [System("a", 1.0)], ["stoi"])
    two = make_run(tmp_path / "b", [System("a", 1.0), System("b", 2.0)], ["stoi"], dataset="other/set", manifest="n")
    three = make_run(tmp_path / "c", [System("c", 1.0)], ["stoi"], dataset="other/set", manifest="o")
    found = drawn([one, two, three], "bitrate")
    assert list(found) == ["main_metrics", "main_metrics-other_set", "main_metrics-other_set-2"]


def test_runs_on_the_same_data_share_a_picture(tmp_path: Path):
    old = make_run(tmp_path / "old", [System("mine@1", 1.0), System("opus", 6.0)], ["stoi"])
    new = make_run(tmp_path / "new", [System("mine@1", 1.0, scale=0.8), System("lyra", 3.0)], ["stoi"])
    (picture,) = drawn([old, new], "bitrate").values()
    axis = picture.figure.axes[0]
    points = {str(c.get_label()): c.lines[0] for c in axis.containers}  # type: ignore[attr-defined]
    assert set(points) == {"mine (old)", "mine (new)", "opus", "lyra"}
    assert len({p.get_color() for p in points.values()}) == 4
    for run, name in ((old, "mine (old)"), (new, "mine (new)")):
        value = float(run.summary.set_index("system").loc["mine@1"].value)
        assert float(points[name].get_ydata()[0]) == value


def test_what_is_asked_for_must_exist(tmp_path: Path):
    run = make_run(tmp_path, [System("a", 1.0)], ["stoi"])
    with pytest.raises(UsageError, match="png, svg, pdf, not as 'gif'"):
        write_plots([run], tmp_path, ["gif"])
    with pytest.raises(UsageError, match="no kind of picture 'pie'"):
        write_plots([run], tmp_path, kinds=["pie"])
    assert write_plots([], tmp_path / "none") == []


@pytest.mark.long
@pytest.mark.parametrize("lost", ["scores.parquet", "reconstructions.csv"])
def test_a_lost_file_costs_only_the_pictures_made_of_it(tmp_path: Path, lost: str):
    run = make_run(tmp_path, [System(s, 1.0 + i) for i, s in enumerate("abc")], ["stoi", "secs", "wer[toy]"])
    before = {p.name for p in pictures([run])}
    (tmp_path / lost).unlink()
    after = {p.name for p in pictures([load_run(tmp_path)])}
    made_of_it = {"scores.parquet": ("distributions_", "lengths_"), "reconstructions.csv": ("lengths_",)}[lost]
    assert before - after == {n for n in before if n.startswith(made_of_it)}
    assert before - after
    assert after >= {"main_metrics", "radar"}
