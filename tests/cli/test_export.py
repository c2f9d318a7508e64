"""`codec-bench export` and `codec-bench ratings` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codec_bench.listening_tests.key import Key
from tests.command import check_refused, run_command

from ..listening_tests.conftest import mushra_csv

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that kept its audio."""
    folder = tmp_path_factory.mktemp("cli")
    options = ("--dataset", "demo", "--limit", "6", "--metrics", "si_sdr", "--no-report", "--jobs", "1")
    done = run_command(folder, "run", "--codec", "codec2@3200,opus@6000", *options, "--keep-audio", "--out", "run")
    assert done.returncode == 0, done.stderr
    return folder


def test_from_a_run_to_a_column(folder: Path):
    done = run_command(folder, "export", "mushra", "run", "--out", "test", "--items", "3", "--anchors", "3.5k,7k")
    assert done.returncode == 0, done.stderr
    assert "3 pages, 3 of 6 utterances by 2 speakers, 2 systems, 15 files" in done.stdout
    assert "keep test/key.json away from listeners" in done.stdout
    key = Key.load(folder / "test" / "key.json")
    scores = {"ground-truth": 99, "opus@6000": 60, "codec2@3200": 40, "anchor-3.5k": 20, "anchor-7k": 70}
    mushra_csv(folder / "mushra.csv", key, ["ann", "bob"], lambda who, _, system: scores[system] - (who == "ann"))
    done = run_command(folder, "ratings", "run", "mushra.csv", "--key", "test/key.json")
    assert done.returncode == 0, done.stderr
    assert "opus@6000\t59.5\t53.1 .. 65.9\t59.5\t2\t3\t6" in done.stdout
    # Both shift alike: the difference is the same for everybody, and nothing says how it varies.
    assert "codec2@3200 - opus@6000\t-20.0\t–\t–\t6" in done.stdout
    assert "2 listeners counted, 0 excluded" in done.stdout
    assert "run has the column mushra now" in done.stderr
    done = run_command(folder, "ratings", "run", "mushra.csv", "--key", "test/key.json", "--json")
    assert json.loads(done.stdout)["systems"]["anchor-7k"]["mean"] == 69.5
    assert run_command(folder, "ratings", "run", "--remove").stdout == "taken out: mushra\n"


def test_the_mid_anchor_excludes_by_itself_and_another_on_request(folder: Path):
    """Of five, one rates the anchor as high as the recording; on one item two do, and it is set aside."""
    people = ["ann", "bob", "cid", "dan", "eve"]
    for anchors, options in (("3.5k,7k", ()), ("3.5k", ("--anchor-rule",))):
        out = f"test-{anchors}"
        done = run_command(folder, "export", "mushra", "run", "--out", out, "--items", "3", "--anchors", anchors)
        assert done.returncode == 0, done.stderr
        key = Key.load(folder / out / "key.json")
        shared, label = key.trials[0].utterance, f"anchor-{anchors.split(',')[-1]}"

        def score(who: str, utterance: str, system: str, label: str = label, shared: str = shared) -> float:
            if system == "ground-truth" or (system == label and (who == "eve" or (who, utterance) == ("dan", shared))):
                return 95
            return 50

        mushra_csv(folder / f"{out}.csv", key, people, score)
        command = ("ratings", "run", f"{out}.csv", "--key", f"{out}/key.json")
        done = run_command(folder, *command, *options)
        assert done.returncode == 0, done.stderr
        assert f"2 of 5 listeners rated {label} above 90 on {shared}, more than a quarter" in done.stderr
        assert "4 listeners counted, 1 excluded" in done.stdout
        assert f"L005: rated {label} above 90 on 2 of 2 items" in done.stdout
        assert "5 listeners counted, 0 excluded" in run_command(folder, *command, "--no-screening").stdout
        assert ("1 excluded" in run_command(folder, *command).stdout) == (anchors == "3.5k,7k")
    assert run_command(folder, "ratings", "run", "--remove").returncode == 0


def test_abx_without_an_anchor(folder: Path):
    done = run_command(folder, "export", "abx", "run", "--out", "abx", "--items", "2", "--pairs", "systems")
    assert done.returncode == 0, done.stderr
    assert "2 pages, 2 of 6 utterances" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("export", "mushra", "run", "--out", "x", "--systems", "opus@60000"), "did you mean 'opus@6000'"),
        (("export", "mushra", "nothing", "--out", "x"), "nothing is not a run directory"),
        (("export", "mushra", "run", "--out", "x", "--bits", "8"), "option bits: a sample has 16 or 24 bits, not 8"),
        (("ratings", "run"), "ratings needs the file of results and --key"),
        (("ratings", "run", "x.csv", "--key", "run/run.json"), "is not the key of a listening test"),
    ],
)
def test_errors_are_one_line_with_the_next_step(folder: Path, arguments: tuple[str, ...], message: str):
    check_refused(run_command(folder, *arguments), message)
