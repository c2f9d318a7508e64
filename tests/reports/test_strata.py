"""Metrics by the pitch of the voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codec_bench.reports.table import build_table

from .test_ties import scored

HERTZ = [100.0] * 12 + [150.0] * 9 + [200.0] * 15


def test_a_table_has_the_mean_of_each_stratum_that_holds_enough_and_the_worst(tmp_path: Path):
    values = np.linspace(0.5, 0.9, 36)
    run = scored(tmp_path, {"low": values, "high": values[::-1]}, [f"s{i % 9}" for i in range(36)])
    ids = [f"u{i:04d}" for i in range(36)]
    pd.DataFrame({"system": "low", "utterance": ids, "f0_hz": HERTZ}).to_csv(tmp_path / "reconstructions.csv")
    table = build_table(run)
    (grid,) = [grid for grid in table.extras if grid.title == "By pitch of the voice"]
    assert list(grid.headings) == ["system", "< 120 Hz", "180-250 Hz", "worst"]  # nine at 150 Hz are too few
    heading, *lines = grid.rows
    assert len(heading) == 1
    digits = len(str(lines[0][1]).partition(" ")[0].partition(".")[2])
    assert [line[0] for line in lines] == ["low", "high"]
    assert [line[3] for line in lines] == ["< 120 Hz", "180-250 Hz"]
    assert float(str(lines[0][1]).partition(" ")[0]) == pytest.approx(values[:12].mean(), abs=10**-digits)
    assert float(str(lines[1][2]).partition(" ")[0]) == pytest.approx(values[:15].mean(), abs=10**-digits)
    assert "±" in str(lines[0][1])
    assert any("12 < 120 Hz, 15 180-250 Hz" in note for note in table.footnotes)


@pytest.mark.parametrize("hertz", [None, [100.0] * 36])
def test_without_pitch_or_with_voices_alike_there_is_no_such_table(tmp_path: Path, hertz: list[float] | None):
    run = scored(tmp_path, {"low": np.linspace(0.5, 0.9, 36)}, [f"s{i % 9}" for i in range(36)])
    frame = pd.DataFrame({"system": "low", "utterance": [f"u{i:04d}" for i in range(36)]})
    (frame if hertz is None else frame.assign(f0_hz=hertz)).to_csv(tmp_path / "reconstructions.csv")
    assert build_table(run).extras == ()
