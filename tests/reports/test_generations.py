"""Half-lives against the golden table of repeated coding: Opus at 12 kbit/s has .9712 ... .8169 .6655 in STOI."""

from __future__ import annotations

import math
from pathlib import Path

from codec_bench.reports.generations import _text, half_life
from codec_bench.reports.table import build_table

from .test_table import make_run, row

OPUS = {1.0: 3.911, 2.0: 3.349, 5.0: 2.409, 10.0: 1.774, 25.0: 1.232}


def test_half_of_what_lies_above_the_floor_is_lost_between_two_measured_generations():
    """PESQ 3.911 has 2.456 at its half, which lies shortly before the fifth generation (2.409)."""
    found = half_life(dict(OPUS), 1.0)
    assert found is not None
    assert 4.5 < found < 5
    assert half_life({1.0: 0.9712, 25.0: 0.6655}, 0.0) == math.inf
    assert half_life({2.0: 0.9}, 0.0) is None


def test_a_table_of_several_generations_has_half_lives(tmp_path: Path):
    rows = [row(f"opus@1+repeat@{n:g}" if n > 1 else "opus@1", "pesq_wb", 12, v) for n, v in OPUS.items()]
    run = make_run(tmp_path, rows, {})
    for label, system in run.systems.items():
        system["condition"] = label.partition("+")[2] or None
    run.info["plan"]["conditions"] = [{"label": f"repeat@{n:g}", "note": "again"} for n in OPUS if n > 1]
    (grid,) = build_table(run).extras
    assert grid.title == "Half-life in generations"
    assert grid.rows == [["opus@1", f"{half_life(dict(OPUS), 1.0):.1f}"]]
    assert _text(math.inf, {1.0: 3.9, 5.0: 3.0, 25.0: None}) == "> 5"  # nothing is known of the 25th
    (tmp_path / "one").mkdir()
    assert build_table(make_run(tmp_path / "one", rows[:1], {})).extras == ()
