"""What a user sees on a terminal of 80 columns, through a pty."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from tests.command import run_command
from tests.terminal import on_terminal

pytestmark = pytest.mark.as_user

METRICS = "pesq_wb,pesq_nb,stoi,estoi,gpe,vde,ffe,vuv_f1,logf0_corr,si_sdr,mcd"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with several blocks of columns, in a folder of its own."""
    folder = tmp_path_factory.mktemp("work")
    options = ("--dataset", "demo", "--sample", "2", "--metrics", METRICS, "--no-report", "--jobs", "1")
    done = run_command(folder, "run", "--codec", "codec2@1200,opus@6000", *options, "--out", "runs/first")
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "first"


def _numbers(path: Path) -> set[str]:
    """The values of a run as its table has them in CSV."""
    rows = pd.read_csv(path / "summary.csv")
    return {f"{value:.2f}" for value in rows[rows.metric == "mcd"].value}


@pytest.mark.slow  # a run with eleven metrics
@pytest.mark.parametrize("columns", [64, 80])
def test_no_number_is_wrapped_on_a_narrow_terminal(run: Path, columns: int):
    seen = on_terminal(run.parent.parent, "report", "runs/first", "--format", "md", "--no-plots", columns=columns)
    assert seen.code == 0, seen.text
    assert max(map(len, seen.lines)) <= columns
    cells = [c.strip() for line in seen.lines if line.startswith("│") for c in line.strip("│").split("│")[1:]]
    number = r"-?\d+(\.\d+)?"
    whole = rf"(–|exact|{number}( ±{number}| \[{number}, {number}\])?)?"
    assert [cell for cell in cells if re.fullmatch(whole, cell) is None] == []
    assert _numbers(run) <= {cell.partition(" ")[0] for cell in cells}
    assert "or a wider terminal" in " ".join(seen.lines)


def _last_gap(lines: list[str]) -> int:
    """The empty line above the counts."""
    return max(place for place, line in enumerate(lines[:-1]) if not line and any(lines[place:]))


def test_what_is_here_stands_alone_or_first(tmp_path: Path):
    alone = on_terminal(tmp_path, "list", "codecs", "--here")
    assert (alone.code, {line.split()[2] for line in alone.lines[: _last_gap(alone.lines)] if line}) == (0, {"here"})
    everything = on_terminal(tmp_path, "list", "codecs")
    assert everything.lines[: everything.lines.index("")] == alone.lines[: alone.lines.index("")]
    listed = run_command(tmp_path, "list", "codecs", "--here", "--json")
    assert [row["codec"] for row in json.loads(listed.stdout)] == [
        line.split()[0] for line in alone.lines[: alone.lines.index("")]
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "line", "counted"),
    [
        (
            ("list", "codecs"),
            r"mimi +0\.55-4\.4 kbps +after fetch +Mimi",
            r"\d+ codecs: \d+ run here, \d+ after a download",
        ),
        (("list", "codec"), r"gsm +counted +here +GSM 06\.10", "--wide for all columns, --here for what is here, "),
        (("doctor",), r"codec mimi +missing +0\.55-4\.4 kbps, after fetch", r"after `codec-bench env create NAME`"),
        (("list", "data set"), r"DIR +a folder of audio files", r"\d+ data sets: \d+ are here"),
        (("list", "metrics"), r"stoi +here +\S.*", r"\d+ metrics: \d+ run here"),
    ],
)
def test_each_has_one_line_and_all_are_counted(tmp_path: Path, arguments: tuple[str, ...], line: str, counted: str):
    seen = on_terminal(tmp_path, *arguments)
    assert seen.code == 0, seen.text
    rows = [row for row in seen.lines[: _last_gap(seen.lines)] if row]
    assert len(rows) > 20 and max(map(len, rows)) <= 80
    assert sum(re.fullmatch(line, row) is not None for row in rows) == 1
    assert re.search(counted, " ".join(seen.lines))


@pytest.mark.parametrize(("columns", "least"), [(80, 60), (132, 81)])
def test_help_is_as_wide_as_the_terminal(tmp_path: Path, columns: int, least: int):
    seen = on_terminal(tmp_path, "run", "-h", columns=columns)
    assert seen.code == 0 and least <= max(map(len, seen.lines)) <= columns
    assert seen.lines[0] == "Usage: codec-bench run [OPTIONS]"
    for part in ("What is measured:", "Where it runs:", "Example: codec-bench run --codec codec2@1200,opus@6000"):
        assert part in seen.text


@pytest.mark.long
def test_a_run_fits_the_terminal_and_ends_with_its_table(tmp_path: Path):
    options = ("--dataset", "demo", "--sample", "2", "--metrics", "stoi", "--no-report", "--jobs", "1")
    seen = on_terminal(tmp_path, "run", "--codec", "codec2@1200", *options, "--out", "runs/first")
    assert seen.code == 0 and max(map(len, seen.lines)) <= 80, seen.text
    assert re.search(r"│codec2@1200 +│ +1\.20 │ +25 │ +0\.\d{3}", seen.text)
    assert seen.lines[-2:] == ["written to runs/first", ""]


def test_one_codec_is_shown_with_all_that_is_known(tmp_path: Path):
    done = run_command(tmp_path, "list", "codec", "longcat")
    assert done.returncode == 0 and "settings: @2 (0.4333 kbps)" in done.stdout
    assert "download: 2.84 GB" in done.stdout
    done = run_command(tmp_path, "list", "codecs", "longcta")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and "did you mean 'longcat'" in done.stderr
