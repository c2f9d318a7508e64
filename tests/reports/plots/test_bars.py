"""Costs of a system: a bar each, and no curve over bitrates."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.container import BarContainer

from tests.reports.plots.material import System, cell, drawn, make_run, only, panel

SYSTEMS = [System("a@1", 0.5), System("a@2", 1.0), System("b", 6.0, missing={"load_seconds": 12})]


def test_costs_are_bars_and_the_rest_is_against_bitrate(tmp_path: Path):
    run = make_run(tmp_path, SYSTEMS, ["stoi", "load_seconds"])
    assert set(drawn(run, "bitrate")) == {"main_metrics"}
    axis = panel(only(run, "bars").figure, "load (s)")
    bars = {str(c.get_label()): c.patches[0] for c in axis.containers if isinstance(c, BarContainer)}
    assert set(bars) == {"a@1", "a@2"}  # b has no value, and no bar
    for label in ("a@1", "a@2"):
        assert bars[label].get_width() == pytest.approx(cell(run, label, "load_seconds").value)
    assert {text.get_text() for text in axis.get_yticklabels()} == {"a@1", "a@2", "b"}
    assert not drawn(make_run(tmp_path / "none", SYSTEMS, ["stoi"]), "bars")
