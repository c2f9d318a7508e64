"""Pictures of runs of kind `tokens`: codebook use, Zipf curves, maps of utterances."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from codec_bench.errors import UsageError
from codec_bench.reports.plots import pictures
from codec_bench.reports.plots.zipf import normalised
from codec_bench.runs.directory import Run
from tests.reports.plots.material import System, drawn, make_run, only, panel


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Two systems and the words of the transcripts."""
    systems = [System("words", None, "reference"), System("a@2", 1.0), System("b", 0.5)]
    return make_run(tmp_path, systems, ["stoi"], kind="tokens")


def write(run: Run, name: str, rows: list[tuple[object, ...]], columns: str) -> None:
    pd.DataFrame(rows, columns=columns.split()).to_csv(run.path / name, index=False)


def test_codebook_use_is_drawn_as_it_was_counted(run: Run):
    columns = "system codebook size used utilisation normalised_entropy entropy_bits huffman_bits"
    rows = [
        ("a@2", 1, 1024, 512, 0.5, 0.8, 8.0, 8.1),
        ("a@2", 2, 1024, 1024, 1.0, 0.95, 9.5, 9.6),
        ("b", 1, 256, 128, 0.5, 0.75, 6.0, 6.2),
    ]
    write(run, "codebooks.csv", rows, columns)
    picture = only(run, "codebooks")
    assert picture.name == "codebook_use"
    for label, values in (("entries used", [50.0, 100.0]), ("entropy", [0.8, 0.95]), ("bits per token", [8.0, 9.5])):
        axis = panel(picture.figure, label)
        lines = {str(line.get_label()): line for line in axis.get_lines()}
        assert np.asarray(lines["a@2"].get_ydata(), float).tolist() == values
        assert np.round(np.asarray(lines["a@2"].get_xdata(), float)).tolist() == [1, 2]
    bits = panel(picture.figure, "bits per token")
    sizes = [np.asarray(line.get_ydata(), float).tolist() for line in bits.get_lines() if line.get_marker() == "_"]
    assert sorted(sizes) == [[8.0], [10.0, 10.0]]
    huffman = [np.asarray(line.get_ydata(), float).tolist() for line in bits.get_lines() if line.get_marker() == "x"]
    assert sorted(huffman) == [[6.2], [8.1, 9.6]]


def test_frequencies_have_a_panel_per_system_and_a_line_per_codebook(run: Run):
    rows = [
        (s, b, r, 100 // r) for s, books in (("a@2", 2), ("b", 1)) for b in range(1, books + 1) for r in (1, 2, 4, 8)
    ]
    write(run, "usage.csv", rows, "system codebook rank count")
    picture = only(run, "codebooks")
    assert picture.name == "codebook_frequencies"
    assert {a.get_title(): len(a.get_lines()) for a in picture.figure.axes} == {"a@2": 2, "b": 1}
    (line,) = panel(picture.figure, "b").get_lines()
    assert np.asarray(line.get_xdata(), float).tolist() == [1, 2, 4, 8]
    assert np.asarray(line.get_ydata(), float).tolist() == [100, 50, 25, 12]
    assert all(a.get_xscale() == a.get_yscale() == "log" for a in picture.figure.axes)
    assert not any("mathdefault" in t.get_text() for a in picture.figure.axes for t in a.get_xticklabels())


def test_zipfs_law_is_a_straight_line():
    """Of counts C / r, the last of which is 2: log count = log C - log r, so y = 1 - x log(C / 2) / log C."""
    largest = 4096
    rank = np.array([1, 2, 4, 8, 64, 512, 2048, 4096])
    x, y = normalised(pd.DataFrame({"rank": rank, "count": largest // rank}))
    assert np.allclose(x, np.log(rank[:-1]) / np.log(2048))
    assert np.allclose(y, 1 - x * np.log(2048) / np.log(4096))  # the last rank occurs once and is left out


def test_curves_of_n_grams_have_a_panel_per_length_and_texts_are_grey(run: Run):
    rows = [(s, n, r, 64 // r) for s in ("words", "a@2", "b") for n in (1, 2) for r in (1, 2, 4, 8, 64)]
    rows += [("b", 3, r, 2) for r in (1, 2, 3)]  # nothing differs: no curve
    write(run, "ngrams.csv", rows, "system n rank count")
    figure = only(run, "zipf").figure
    assert [a.get_title() for a in figure.axes] == ["n = 1", "n = 2"]
    for axis in figure.axes:
        lines = {str(line.get_label()): line for line in axis.get_lines()}
        assert set(lines) == {"words", "a@2", "b"}
        assert np.asarray(lines["a@2"].get_xdata(), float)[-1] == 1.0  # rank 8: rank 64 occurs once
        assert to_hex(lines["words"].get_color()) == "#707070"
        assert len({to_hex(line.get_color()) for line in lines.values()}) == 3
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["words", "a@2", "b"]


def test_every_utterance_is_a_point_of_the_map(run: Run):
    draw = np.random.default_rng(0)
    labels = [f"class{i % 25}" for i in range(100)]
    rows = [(s, f"u{i}", label, *draw.normal(size=2), "tsne") for s in ("a@2", "b") for i, label in enumerate(labels)]
    write(run, "embedding_map.csv", rows, "system utterance label x y method")
    picture = only(run, "embedding")
    assert [a.get_title() for a in picture.figure.axes] == ["a@2 (t-SNE, n=100)", "b (t-SNE, n=100)"]
    for axis, system in zip(picture.figure.axes, ("a@2", "b"), strict=True):
        points = [p for line in axis.get_lines() for p in zip(line.get_xdata(), line.get_ydata(), strict=True)]  # type: ignore[arg-type]
        expected = [(r[3], r[4]) for r in rows if r[0] == system]
        assert np.allclose(sorted(points), sorted(expected))
        assert not axis.get_xticks().tolist()
    texts = [t.get_text() for t in picture.figure.legends[0].get_texts()]
    assert len(texts) == 21
    assert texts[-1] == "5 more"


def test_a_label_may_be_called_na_or_nothing(run: Run):
    rows = [("b", f"u{i}", label, float(i), 0.0, "pca") for i, label in enumerate(["NA", "None", "", "NA"])]
    write(run, "embedding_map.csv", rows, "system utterance label x y method")
    texts = [t.get_text() for t in only(run, "embedding").figure.legends[0].get_texts()]
    assert texts == ["(no label)", "NA", "None"]


def test_a_file_that_cannot_be_drawn_is_an_error_that_names_it(run: Run):
    (run.path / "usage.csv").write_text("system,codebook\na,1\n")
    with pytest.raises(UsageError, match=r"usage\.csv cannot be used: it has no column rank"):
        list(pictures([run], ["codebooks"]))


def test_nothing_is_drawn_without_the_files(run: Run):
    for kind in ("codebooks", "zipf", "embedding", "confusion", "spectrograms"):
        assert drawn(run, kind) == {}
