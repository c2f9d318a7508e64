"""Curves of codecs: known savings come out, what cannot be said has a reason, fronts hold what nothing dominates."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codec_bench.errors import UsageError
from codec_bench.reports.cells import Table, TableRow
from codec_bench.reports.formats.latex import latex
from codec_bench.reports.formats.markdown import markdown
from codec_bench.reports.formats.tex import escape
from codec_bench.reports.rate_distortion import (
    Interval,
    _overlap_text,
    anchored,
    deltas,
    equal_rates,
    equal_text,
    families_of,
    fronts,
)
from codec_bench.reports.report import write_report
from codec_bench.reports.table import build_tables
from codec_bench.reports.ties import Contest
from codec_bench.runs.directory import Run

from .test_table import make_run
from .test_ties import scored

RATES = {"x@1": 6.0, "x@2": 12.0, "x@3": 24.0, "y@1": 3.0, "y@2": 6.0, "y@3": 12.0, "z@1": 1.0, "z@2": 2.0, "z@3": 3.0}
MEANS = {"x@1": 2.0, "x@2": 3.0, "x@3": 4.0, "y@1": 2.0, "y@2": 3.0, "y@3": 4.0, "z@1": 1.5, "z@2": 1.6, "z@3": 1.55}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`y` gives what `x` gives at half the bits; `z` is below both, and its last rate is worse than the one before."""
    draw = np.random.default_rng(6)
    shared = 0.1 * draw.normal(size=24)
    values = {name: mean + shared + 0.01 * draw.normal(size=24) for name, mean in MEANS.items()}
    made = scored(tmp_path, values, [f"s{i}" for i in range(24)], metric="pesq_wb")
    rows = made.summary.assign(bitrate_kbps=[RATES[name] for name in made.summary["system"]]).to_dict("records")
    return make_run(tmp_path, rows, {}, utterances=24, speakers=24)


@pytest.fixture
def table(run: Run) -> Table:
    (made,) = build_tables([run], bd_rate="x")
    return made


def test_half_the_bits_are_minus_50_percent_and_an_interval_holds_it(run: Run, table: Table):
    found = {d.family: d for d in deltas(Contest([run]), table.rows, table.columns, "x")}
    for method in ("pchip", "akima"):
        saved = found["y"].rate[method]
        assert saved.value == pytest.approx(-50, abs=0.5)
        assert -51 < saved.low <= saved.value <= saved.high < -49
        assert saved.low < saved.high
    assert found["y"].value["pchip"].value == pytest.approx(1, abs=0.02)
    assert found["y"].overlap == pytest.approx(1, abs=0.01)
    assert found["z"].rate["pchip"].value is None
    assert found["z"].cannot == "z is not monotone: 3 gives no more than 2 kbit/s"
    assert build_tables([run], bd_rate="x")[0].extras == table.extras  # nothing is drawn anew
    assert "BD-rate" in markdown(table)


def test_other_formats_have_the_same_tables(run: Run, table: Table, tmp_path: Path):
    text = latex([table])
    for grid in table.extras:
        assert rf"\caption{{{escape(grid.title)}}}" in text
        for line in grid.rows:
            assert " & ".join(escape(str(cell)) for cell in line) + r" \\" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1 + len(table.extras)
    write_report([run], tmp_path / "out", formats=("csv",), plots=False, bd_rate="x", ranking=True)
    found = {path.name: pd.read_csv(path, keep_default_na=False) for path in (tmp_path / "out").glob("table-*.csv")}
    assert {"table-bits-against-x-at-equal-quality.csv", "table-equal-to-x-at-so-many-kbit-s.csv"} < set(found)
    bits = found["table-bits-against-x-at-equal-quality.csv"]
    (grid,) = [grid for grid in table.extras if grid.title == "Bits against x at equal quality"]
    assert list(bits.columns) == ["table", "section", *grid.headings]
    assert bits["codec"].tolist() == ["y", "z"]
    assert bits["overlap"].tolist() == ["100%", "–"]
    assert any("Borda" in frame.columns for frame in found.values())


def test_a_small_overlap_is_said():
    assert [_overlap_text(share) for share in (0.37, 0.5, None)] == ["37% (under half)", "50%", "–"]


def test_equal_rates_lie_on_the_anchors_curve_and_never_beyond(run: Run, table: Table):
    found = equal_rates(Contest([run]), table.rows, table.columns, "x")
    assert found["y@2"]["pesq_wb"].value == pytest.approx(12, rel=0.01)
    assert found["z@1"]["pesq_wb"].value == -math.inf
    assert equal_text(found["z@1"]["pesq_wb"], 6, 24) == "< 6.0"
    assert "x@1" not in found
    assert equal_text(Interval(math.inf, reason="no"), 6, 24) == "> 24.0 (no interval)"


def test_each_of_two_runs_is_compared_with_its_own_anchor():
    """As `compare` has them, whose runs have the anchor both, and seldom the same values."""

    def row(system: str, run: str, mark: str = "") -> TableRow:
        return TableRow(f"{system}{mark}", 1.0, "", None, {}, system=system, run=run)

    rows = [row("x@1", "a", " (a)"), row("x@1", "b", " (b)"), row("y@1", "a", " (a)"), row("y@1", "b", " (b)")]
    pairs = anchored(families_of([*rows, row("z@1", "b")]), "x")
    assert [(one, other) for one, _, other, _ in pairs] == [("x (a)", "y (a)"), ("x (b)", "y (b)"), ("x (b)", "z")]


def test_the_front_holds_what_nothing_cheaper_beats(run: Run, table: Table):
    on = fronts(Contest([run]), table.rows, table.columns)
    # x@3 needs more than y@3, but nothing shows that it is not better.
    assert on["pesq_wb"] == on[""] == {"x@3", "y@1", "y@2", "y@3", "z@1", "z@2"}


def test_an_unknown_anchor_is_refused(run: Run):
    with pytest.raises(UsageError, match="x, y, z"):
        build_tables([run], bd_rate="opus")
