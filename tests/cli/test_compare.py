"""`compare` and `baseline` as CI calls them: exit codes, files, one-line errors."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from junitparser import JUnitXml

import codec_bench
from tests.command import Cli, check_refused

pytestmark = pytest.mark.long

NOISE = "codec_bench.testing.codecs:Noise@{}"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of one codec each: good, good again, 3 dB worse, and good on three utterances."""
    root = tmp_path_factory.mktemp("runs")
    wanted = {"good": (15, None), "again": (15, None), "worse": (12, None), "three": (15, 3), "small": (15, 3)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_HOME", str(root / "home"))
        for name, (snr, limit) in wanted.items():
            codec_bench.run(
                NOISE.format(snr), "demo", metrics=["pesq_wb", "si_sdr"], ground_truth=False, limit=limit, jobs=1,
                report=False, out=root / name,
            )  # fmt: skip
    return root


@pytest.fixture
def cli(codec_bench_in: Cli, runs: Path) -> Cli:
    """Commands in the folder of the runs."""
    return partial(codec_bench_in, runs)


@pytest.mark.as_user
def test_equal_runs_pass_a_worse_one_fails_and_three_utterances_decide_nothing(cli: Cli):
    for baseline, candidate, code, said in (
        ("good", "again", 0, "Pass: 2 kept."),
        ("good", "worse", 1, "Regression: 2 of 2 limits broken"),
        ("worse", "good", 0, "pass, better"),
        ("three", "small", 3, "too few utterances: 3 scored in both"),
        ("good", "three", 2, "different utterances of demo: the baseline has 24 utterances, the candidate 3"),
    ):
        done = cli("compare", baseline, candidate)
        assert done.returncode == code, done.stderr
        assert said in done.stdout


def test_a_baseline_that_is_not_there_yet_is_said_to_be_missing(cli: Cli):
    done = cli("compare", "baselines/first.json.gz", "good")
    assert done.returncode == 3
    assert "there is no baseline yet: baselines/first.json.gz does not exist" in done.stderr


def test_a_stored_baseline_stands_for_its_run(cli: Cli, tmp_path: Path):
    saved = cli("baseline", "save", "good", "--out", tmp_path / "b.json.gz")
    assert saved.returncode == 0
    assert "1 systems, 2 metrics, 24 utterances" in saved.stderr
    by_run, by_file = cli("compare", "good", "worse"), cli("compare", tmp_path / "b.json.gz", "worse")
    assert (by_run.returncode, by_file.returncode) == (1, 1)
    tables = [[line for line in done.stdout.splitlines() if "REGRESSION" in line] for done in (by_run, by_file)]
    assert tables[0] == tables[1] != []
    shown = cli("baseline", "show", tmp_path / "b.json.gz").stdout
    assert "demo: 24 utterances" in shown
    assert "24 of 24" in shown


def test_files_for_ci(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    summary, report = tmp_path / "summary.md", tmp_path / "compare.xml"
    summary.write_text("# Job\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    done = cli("compare", "good", "worse", "--markdown", summary, "--junit", report)
    assert done.returncode == 1
    assert summary.read_text().startswith("# Job\n## codec-bench: Regression")  # of other steps nothing is lost
    assert JUnitXml.fromfile(str(report)).failures == 2
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    cli("compare", "good", "again", "--markdown", summary)
    assert summary.read_text().startswith("## codec-bench: Pass")  # elsewhere the file is made anew


def test_json_goes_to_standard_output_alone(cli: Cli):
    done = cli("compare", "good", "worse", "--json")
    assert (done.returncode, json.loads(done.stdout)["exit_code"]) == (1, 1)


def test_a_gate_and_pairs_are_used(cli: Cli, tmp_path: Path):
    gate = tmp_path / "gate.yaml"
    gate.write_text("pesq_wb: {max_decrease: 0.5}\n")
    pair = "test-noise@15=test-noise@12"
    done = cli("compare", "good", "worse", "--gate", gate, "--pair", pair)
    assert done.returncode == 0
    assert "without a limit, shown only: si_sdr" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("compare", "good", "nothing"), "nothing does not exist"),
        (("compare", "god", "good"), "did you mean 'good'"),
        (("compare", "home", "good"), "home is not a run directory"),
        (("compare", "good/run.json", "good"), "is not a baseline: codec-bench baseline save"),
        (("compare", "good", "good", "--pair", "x=y"), "unknown system of the baseline 'x'"),
        (("compare", "good", "good", "--gate", "nothing.yaml"), "nothing.yaml cannot be read"),
        (("baseline", "save", "good", "--out", "b.txt"), "a baseline is a .json or a .json.gz file"),
        (("baseline", "save", "good", "--out", "good/run.json/b.json"), "cannot be written"),
        (("compare", "good", "good", "--junit", "good/run.json/b.xml"), "cannot be written"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(cli: Cli, arguments: tuple[str, ...], said: str):
    check_refused(cli(*arguments), said)
