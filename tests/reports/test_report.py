"""The report of real run directories, of this and of past versions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from codec_bench.reports.report import FORMATS, write_report
from codec_bench.reports.table import build_table
from codec_bench.runs.directory import Run, load_run

from ..conftest import ROOT

SCHEMA_1 = ROOT / "tests" / "runs" / "data" / "schema_1"


@pytest.fixture(scope="module")
def old() -> Run:
    return load_run(SCHEMA_1)


def test_a_run_of_schema_1_gives_the_table_of_its_summary(old: Run):
    assert (old.info["schema"], old.kind) == (1, "reconstruction")
    table = build_table(old)
    summary = pd.read_csv(SCHEMA_1 / "summary.csv").set_index(["system", "metric"])
    rows = {row.label: row for row in table.rows}
    assert {(label, m) for label, r in rows.items() for m in r.cells} == set(summary.index)
    for (system, metric), expected in summary.iterrows():
        cell = rows[system].cells[metric]
        assert [cell.value, cell.low, cell.high, cell.n, cell.expected] == [
            expected[key] for key in ("value", "ci_low", "ci_high", "n", "n_expected")
        ]
    assert [s.title for s in table.sections][:4] == [
        "reference", "4-8 kbps, classic", "0.85-2 kbps, classic", "reference, gain@-6",
    ]  # fmt: skip
    assert "ASR: pocketsphinx; pitch tracker: world-dio-stonemask; resampler: soxr HQ" in table.setup
    assert "codec-bench 0.1.0 (commit 9e29648fd868), Python 3.11.7" in table.setup
    assert "pesq 0.0.4" in table.setup


@pytest.mark.slow
def test_a_run_of_schema_1_has_a_report_in_every_format(old: Run, tmp_path: Path):
    files = write_report([old], tmp_path, efficiency=True)
    assert [f.name for f in files][:4] == [f"table.{name}" for name in FORMATS]
    assert files[-1] == tmp_path / "report.html"
    assert {f for f in tmp_path.rglob("*") if f.is_file()} == set(files)
    pictures = [f for f in files if f.parent.name == "plots"]
    assert pictures
    assert all(f.read_bytes().startswith(b"\x89PNG") for f in pictures)
    assert (
        "| opus@6000 | 5.94 | 50 | 3.28 [0.00, 6.78] | 1.03 [0.31, 2.22] | 2.118 [1.992, 2.235] |"
        in (tmp_path / "table.md").read_text()
    )
    assert "opus@6000 & 5.94 & 50 & 3.28 {\\scriptsize {[}0.00, 6.78{]}} &" in (tmp_path / "table.tex").read_text()
    assert "95 % intervals of an earlier version, too narrow where speakers" in (tmp_path / "table.md").read_text()
    assert "<td>2.118 <small>[1.992, 2.235]</small></td>" in (tmp_path / "table.html").read_text()
    tidy = pd.read_csv(tmp_path / "table.csv").set_index("system")
    summary = pd.read_csv(SCHEMA_1 / "summary.csv").set_index(["system", "metric"])
    for (system, metric), expected in summary.iterrows():
        assert tidy.loc[system, [metric, f"{metric}_low", f"{metric}_high", f"{metric}_n"]].tolist() == [
            expected[key] for key in ("value", "ci_low", "ci_high", "n")
        ]
    assert tidy.loc["codec2@1200", ["bitrate_kbps", "frame_rate_hz", "causal"]].tolist() == [1.2, 25.0, True]


def test_a_report_leaves_the_run_as_it_is(old: Run, tmp_path: Path):
    shutil.copytree(SCHEMA_1, tmp_path / "run")
    before = {f.name: f.read_bytes() for f in SCHEMA_1.iterdir()}
    write_report([load_run(tmp_path / "run")], tmp_path / "run", formats=["md", "csv", "tex"], plots=False)
    after = {f.name: f.read_bytes() for f in (tmp_path / "run").iterdir()}
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"table.md", "table.csv", "table.tex"}


def test_the_same_run_in_two_folders_is_one_table(old: Run, tmp_path: Path):
    shutil.copytree(SCHEMA_1, tmp_path / "copy")
    write_report([old, load_run(tmp_path / "copy")], tmp_path, formats=["csv"], plots=False)
    systems = pd.read_csv(tmp_path / "table.csv").system.tolist()
    assert [s for s in systems if "ground-truth" in s] == ["ground-truth", "ground-truth+gain@-6"]
    assert {"opus@6000 (schema_1)", "opus@6000 (copy)", "opus@6000+gain@-6 (copy)"} <= set(systems)
    assert len(systems) == 2 + 2 * 4
