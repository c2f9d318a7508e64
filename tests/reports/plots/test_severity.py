"""Metrics against severity: each kind of condition is one picture, with the clean row where it belongs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codec_bench.reports.plots import pictures
from tests.reports.plots.material import System, cell, make_run


def test_points_lie_at_their_values_and_the_clean_row_at_none_or_on_a_line(tmp_path: Path):
    scales = {"": 3.0, "loss@10:2": 2.0, "loss@30:2": 1.0, "loss@10": 2.5, "noise@5": 1.5}
    systems = [
        System(f"opus@6000{'+' * bool(name)}{name}", 6.0, condition=name, scale=scale) for name, scale in scales.items()
    ]
    run = make_run(tmp_path, systems, ["pesq_wb"])
    found = {p.name: p.figure for p in pictures([run], ["severity"])}
    assert sorted(found) == ["severity_loss", "severity_loss_2", "severity_noise"]
    (axis,) = found["severity_loss_2"].axes
    line = next(line for line in axis.get_lines() if len(np.asarray(line.get_xdata())) == 3)
    assert np.asarray(line.get_xdata()).tolist() == [0, 10, 30]
    labels = ["opus@6000", "opus@6000+loss@10:2", "opus@6000+loss@30:2"]
    assert np.asarray(line.get_ydata()).tolist() == [cell(run, label, "pesq_wb").value for label in labels]
    (noise,) = found["severity_noise"].axes
    dotted = [line for line in noise.get_lines() if line.get_linestyle() == ":"]
    assert [line.get_ydata()[0] for line in dotted] == [cell(run, "opus@6000", "pesq_wb").value]


def test_no_errors_have_no_place_on_a_logarithmic_axis(tmp_path: Path):
    scales = {"": 3.0, "flip@0": 3.0, "flip@0.0001": 2.0, "flip@0.01": 1.0}
    systems = [System(f"a@1{'+' * bool(name)}{name}", 6.0, condition=name, scale=scales[name]) for name in scales]
    (picture,) = pictures([make_run(tmp_path, systems, ["pesq_wb"])], ["severity"])
    (axis,) = picture.figure.axes
    assert 1e-5 < axis.get_xlim()[0] < 1e-4
    assert axis.get_xticks().tolist() == [1e-4, 1e-2]
