"""`--sample` and `--limit` of every command that has them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from codec_bench.runs.directory import load_run
from tests.command import Cli, check_refused
from tests.small_runs import DEMO, without_timing

RUN = ("run", "--codec", "codec2@3200", "--metrics", "si_sdr", "--no-report", "--jobs", "1")


def manifest(path: Path) -> Path:
    """The demo set as a table, its rows in an order of their own."""
    table = pd.read_csv(DEMO / "manifest.tsv", sep="\t").sample(frac=1, random_state=1)
    table["path"] = [str(DEMO / name) for name in table["path"]]
    table.to_csv(path, sep="\t", index=False)
    return path


@pytest.mark.long
def test_a_sample_is_balanced_says_what_it_is_and_grows(cli: Cli, tmp_path: Path):
    done = cli(*RUN, "--dataset", "demo", "--sample", "7", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "**demo: sample of 7 of 24 utterances, seed 0, 5 of 5 speakers. " in done.stdout
    assert "no sample" not in done.stderr
    first = load_run(tmp_path / "run")
    data = first.info["plan"]["dataset"]
    assert data["sample"] == {"of": 24, "speakers_of": 5, "seed": 0}
    assert (data["utterances"], first.info["config"]["sample"]) == (7, 7)
    taken = pd.read_csv(tmp_path / "run" / "utterances.csv")
    assert sorted(taken.speaker.value_counts()) == [1, 1, 1, 2, 2]

    shuffled = cli(*RUN, "--dataset", manifest(tmp_path / "demo.tsv"), "--sample", "7", "--out", "shuffled")
    assert shuffled.returncode == 0, shuffled.stderr
    assert without_timing(load_run(tmp_path / "shuffled")) == without_timing(first)

    for count, sessions in ((7, 2), (9, 3)):
        assert cli(*RUN, "--dataset", "demo", "--sample", count, "--out", "run").returncode == 0
        assert len(load_run(tmp_path / "run").info["sessions"]) == sessions
    assert set(taken.id) < set(pd.read_csv(tmp_path / "run" / "utterances.csv").id)
    check_refused(cli(*RUN, "--dataset", "demo", "--sample", "7", "--out", "run"), "other utterances")
    check_refused(cli(*RUN, "--dataset", "demo", "--sample", "9", "--seed", "1", "--out", "run"), "its seed is 0")
    other = cli(*RUN, "--dataset", "demo", "--sample", "7", "--seed", "1", "--out", "other")
    assert "sample of 7 of 24 utterances, seed 1" in other.stdout
    assert set(taken.id) != set(pd.read_csv(tmp_path / "other" / "utterances.csv").id)


@pytest.mark.long
def test_a_limit_that_cuts_speakers_off_says_so_in_one_line(cli: Cli, tmp_path: Path):
    said = "the first 6 of 24 utterances are no sample of the speakers: they hold 2 of 5; use --sample 6"
    done = cli(*RUN, "--dataset", "demo", "--limit", "6", "--out", "run")
    assert done.returncode == 0
    assert done.stderr.splitlines().count(f"WARNING: {said}") == 1
    assert said in load_run(tmp_path / "run").info["warnings"]
    assert "**demo: 6 utterances, 2 speakers. " in done.stdout
    whole = cli(*RUN, "--dataset", "demo", "--limit", "24", "--out", "whole")
    assert "no sample" not in whole.stderr


@pytest.mark.parametrize(
    "command",
    [
        RUN,
        ("score", "--decoded", "x"),
        ("tokens", "--codec", "codec2@1200"),
        ("probe", "--codec", "codec2@1200", "--task", "sid", "--dataset", "demo"),
        ("reproduce", "longcat:table5"),
    ],
    ids=lambda command: command[0],
)
def test_both_are_too_much(cli: Cli, tmp_path: Path, command: tuple[str, ...]):
    check_refused(cli(*command, "--sample", "3", "--limit", "3"), "--limit takes the first utterances, --sample draws")
    check_refused(cli(*command, "--sample", "0"), "option sample should be greater than or equal to 1, not 0")
    (tmp_path / "file.yaml").write_text("limit: 3\n")
    check_refused(cli(*command, "--sample", "3", "--config", "file.yaml"), "give one of the two")


@pytest.mark.long
def test_score_draws_from_what_both_folders_have(cli: Cli, tmp_path: Path):
    made = cli(*RUN, "--dataset", "demo", "--sample", "5", "--keep-audio", "--out", "kept")
    assert made.returncode == 0, made.stderr
    folders = ("--reference", "kept/audio/ground-truth", "--decoded", "kept/audio/codec2@3200")
    done = cli("score", *folders, "--metrics", "si_sdr", "--no-report", "--jobs", "1", "--sample", "2", "--out", "two")
    assert done.returncode == 0, done.stderr
    assert "ground-truth: sample of 2 of 5 utterances, seed 0." in done.stdout  # whose they are is not known


@pytest.mark.long
def test_tokens_of_a_codec_and_of_a_run_are_of_the_same_sample(cli: Cli, tmp_path: Path):
    assert cli(*RUN, "--dataset", "demo", "--keep-audio", "--out", "kept").returncode == 0
    options = ("--sample", "6", "--no-lm", "--no-stability", "--map", "none", "--no-report")
    coded = cli("tokens", "--codec", "codec2@3200", "--dataset", "demo", *options, "--out", "coded")
    read = cli("tokens", "--tokens", "kept", *options, "--out", "read")
    for done in (coded, read):
        assert done.returncode == 0, done.stderr
        assert "demo (tokens): sample of 6 of 24 utterances, seed 0, 5 of 5 speakers." in done.stdout
    one, other = (load_run(tmp_path / name).info["plan"]["dataset"] for name in ("coded", "read"))
    assert {name: one[name] for name in one if name != "notes"} == {
        name: other[name] for name in one if name != "notes"
    }
    first = cli("tokens", "--tokens", "kept", "--limit", "6", *options[2:], "--out", "first")
    assert "WARNING: the first 6 of 24 utterances are no sample of the speakers: they hold 2 of 5" in first.stderr
    assert "demo (tokens): 6 utterances, 2 speakers." in first.stdout


@pytest.mark.long
@pytest.mark.slow
def test_a_probe_keeps_the_parts_of_the_official_split(cli: Cli, tmp_path: Path):
    table = manifest(tmp_path / "demo.tsv")
    frame = pd.read_csv(table, sep="\t")
    frame["split"] = frame.id.str[-1].map({"4": "dev", "5": "test"}).fillna("train")
    frame.to_csv(table, sep="\t", index=False)
    options = ("--codec", "codec2@1200", "--task", "sid", "--dataset", table, "--seeds", "1", "--jobs", "1")
    done = cli("probe", *options, "--sample", "20", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "sample of 20 of 24 utterances, seed 0, 5 of 5 speakers." in done.stdout
    (task,) = load_run(tmp_path / "run").info["plan"]["tasks"]
    assert task["split"] == "the official splits"
    numbers = pd.read_csv(tmp_path / "run" / "utterances.csv").id.str[-1]
    assert [numbers.isin(list(part)).sum() for part in ("123", "4", "5")] == [13, 4, 3]  # of 15, 5 and 4
    (fold,) = json.loads((tmp_path / "run" / "probes.json").read_text())["splits"]["sid"]
    assert [{name[-1] for name in fold[part]} for part in ("dev", "test")] == [{"4"}, {"5"}]
    small = cli("probe", *options, "--sample", "6", "--out", "small")
    check_refused(small, "in --sample 6: a larger one may do")
