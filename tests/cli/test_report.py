"""`codec-bench report`: what is printed where, what is written where, and what is refused."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from tests.command import Cli, check_refused, run_command

from ..conftest import ROOT


@pytest.mark.as_user
@pytest.mark.slow  # a run of twenty conditions
def test_twenty_conditions_are_drawn_against_their_severity(cli: Cli, tmp_path: Path):
    conditions = [*(f"gain@-{level}" for level in range(3, 33, 3)), *(f"noise@{ratio}" for ratio in range(-5, 45, 5))]
    options = ("--dataset", "demo", "--sample", "1", "--metrics", "stoi", "--jobs", "1", "--out", "run")
    done = cli("run", "--codec", "codec2@1200", "--condition", ",".join(conditions), *options)
    assert done.returncode == 0, done.stderr
    drawn = {path.name for path in (tmp_path / "run" / "plots").iterdir()}
    assert {"severity_gain.png", "severity_noise.png"} <= drawn and len(drawn) < 6  # none a condition


@pytest.fixture
def report(tmp_path: Path) -> Cli:
    """Runs `codec-bench report` in a folder with two copies of a run."""
    for name in ("one", "two"):
        shutil.copytree(ROOT / "tests" / "runs" / "data" / "schema_1", tmp_path / name)
    return partial(run_command, tmp_path, "report")


TABLES = ("--format", "md,csv,tex", "--no-plots")


def test_one_run_is_reported_in_its_own_folder(report: Cli, tmp_path: Path):
    done = report("one", *TABLES)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [f"written: one/table.{name}" for name in ("md", "csv", "tex")]
    assert (tmp_path / "one" / "table.md").read_text() == done.stdout
    assert "| codec2@1200 | 1.20 | 25 | 29.51 [10.00, 50.88] |" in done.stdout


def test_several_runs_are_reported_beside_each_other(report: Cli, tmp_path: Path):
    done = report("one", "two", *TABLES)
    assert done.returncode == 0, done.stderr
    assert sorted(f.name for f in (tmp_path / "report").iterdir()) == ["table.csv", "table.md", "table.tex"]
    assert "codec2@1200 (one)" in done.stdout
    assert "codec2@1200 (two)" in done.stdout


def test_options_shape_the_table(report: Cli, tmp_path: Path):
    done = report("one", *TABLES, "--no-intervals", "--efficiency", "--bands", "5", "--bold", "best", "--out", "there")
    assert done.returncode == 0, done.stderr
    assert "±" not in done.stdout
    assert "[10.00, 50.88]" not in done.stdout
    assert "### Efficiency" in done.stdout
    assert "Bold" not in done.stdout  # each system is alone in its group
    assert "*&gt; 5 kbps, classic*" in done.stdout
    text = (tmp_path / "there" / "table.tex").read_text()
    assert r"\itshape \textless{} 5 kbps, classic" in text
    assert "10.00" not in text
    together = report("one", "--format", "md", "--no-plots", "--bands", "100", "--bold", "best").stdout
    assert "- Bold: the best value of its group; others may not be worse by more than chance." in together
    assert "**" in together.partition("# Eff")[0].partition("classic")[2]


@pytest.mark.slow
def test_everything_by_default(report: Cli, tmp_path: Path):
    done = report("one", "--plot-format", "svg")
    assert done.returncode == 0, done.stderr
    names = {f.name for f in (tmp_path / "one").iterdir()}
    assert {"table.md", "table.csv", "table.tex", "table.html", "report.html", "plots"} <= names
    assert {f.suffix for f in (tmp_path / "one" / "plots").iterdir()} == {".svg"}


@pytest.mark.long
def test_a_run_ends_with_the_default_report(cli: Cli, tmp_path: Path):
    command = ["run", "--codec", "codec2@1200,codec2@3200", "--dataset", "demo", "--limit", "2", "--metrics", "stoi"]
    command += ["--jobs", "1", "--out", "out"]
    done = cli(*command)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "table.md").read_text() == done.stdout
    assert (tmp_path / "out" / "plots" / "main_metrics.png").read_bytes().startswith(b"\x89PNG")
    assert "codec2@3200" in (tmp_path / "out" / "report.html").read_text()


def edited(path: Path, **changes: object) -> None:
    info = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(info | changes), encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "nothing is not a run directory: it has no run.json"),
        (("one", "--format", "csb"), "unknown format 'csb'; did you mean 'csv'?"),
        (("one", "--bands", "1,2"), "bands are positive and falling, e.g. 2,0.85,0.65, not '1,2'"),
        (("one", "--bands", "low"), "bands are positive and falling"),
        (("one", "--bold", "second"), "'second' is not one of"),
    ],
)
def test_what_cannot_be_done_is_one_line(report: Cli, arguments: tuple[str, ...], message: str):
    check_refused(report(*arguments, "--no-plots"), message)


def test_an_unfinished_run_and_a_newer_one_are_refused(report: Cli, tmp_path: Path):
    edited(tmp_path / "one" / "run.json", status="running")
    edited(tmp_path / "two" / "run.json", schema=99)
    check_refused(report("one"), "codec-bench: the run in one is not finished: repeat its command to continue it\n")
    check_refused(report("two"), "two/run.json was written by a newer codec-bench (schema 99)")


def test_a_folder_that_cannot_be_written_is_one_line(report: Cli, tmp_path: Path):
    (tmp_path / "file").write_text("")
    done = report("one", *TABLES, "--out", "file/there")
    check_refused(done, "codec-bench: file/there/table.md cannot be written: ")
