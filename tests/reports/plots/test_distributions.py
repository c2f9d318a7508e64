"""Distributions: every score is a point, and the boxes are numpy's quartiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from tests.reports.plots.material import System, cell, drawn, make_run, only, panel

SYSTEMS = [System("ground-truth", group="reference"), System("a", 1.0, missing={"stoi": 4}), System("b", 3.0)]


def test_points_boxes_and_diamonds_are_the_scores(tmp_path: Path):
    run = make_run(tmp_path, SYSTEMS, ["stoi", "wer[toy]"], utterances=16)
    picture = drawn(run, "distributions")["distributions_main_metrics"]
    for metric, name in (("stoi", "STOI"), ("wer[toy]", "WER[toy] (%)")):
        axis = panel(picture.figure, name)
        assert "is better" in axis.get_xlabel()
        places = {
            round(float(t)): label.get_text()
            for t, label in zip(axis.get_yticks(), axis.get_yticklabels(), strict=True)
        }
        first = panel(picture.figure, "WER[toy]")
        names = [label.get_text() for label in first.get_yticklabels()]
        assert names == ["ground-truth", "b", "a"]
        assert len(places) == 3
        for i, system in enumerate(names):
            scores = run.scores[
                (run.scores.system == system) & (run.scores.metric == metric) & (run.scores.status == "ok")
            ]
            values = np.sort(scores.value.to_numpy(float))
            points = next(line for line in axis.get_lines() if line.get_marker() == "." and _row(line) == i)
            assert np.allclose(np.sort(np.asarray(points.get_xdata(), float)), values)
            wide = [line for line in axis.get_lines() if line.get_linewidth() == 1.6 and _row(line) == i]
            medians = [np.asarray(line.get_xdata(), float) for line in wide if to_hex(line.get_color()) == "#000000"]
            assert np.allclose(medians[0], np.median(values))
            diamond = next(line for line in axis.get_lines() if line.get_marker() == "D" and _row(line) == i)
            assert np.allclose(np.asarray(diamond.get_xdata(), float), float(cell(run, system, metric).value))
    assert [t.get_text() for t in panel(picture.figure, "STOI").texts] == ["12 of 16"]


def _row(line: object) -> int:
    return round(float(np.mean(np.asarray(line.get_ydata(), float))))  # type: ignore[attr-defined]


def test_the_diamond_of_an_error_rate_is_pooled_and_not_the_mean(tmp_path: Path):
    run = make_run(tmp_path, SYSTEMS, ["wer[toy]"], utterances=16)
    scores = run.scores[run.scores.system == "b"]
    pooled = 100 * scores.numerator.sum() / scores.denominator.sum()
    assert abs(pooled - scores.value.mean()) > 0.01
    (axis,) = only(run, "distributions").figure.axes
    diamonds = [float(np.asarray(line.get_xdata(), float)[0]) for line in axis.get_lines() if line.get_marker() == "D"]
    assert any(np.isclose(d, pooled) for d in diamonds)


def test_right_or_wrong_answers_and_runs_without_scores_have_no_distribution(tmp_path: Path):
    run = make_run(tmp_path, SYSTEMS, ["stoi"])
    frame = pd.read_parquet(tmp_path / "scores.parquet")
    frame["value"] = (frame.value > 0.5).astype(float)
    frame.to_parquet(tmp_path / "scores.parquet")
    assert drawn(run, "distributions") == {}
    (tmp_path / "scores.parquet").unlink()
    assert drawn(run, "distributions") == {}
