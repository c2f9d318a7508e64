"""`codec-bench probe` on real recordings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from codec_bench.cli import app
from codec_bench.errors import UsageError
from codec_bench.probes.recipes import RECIPES
from tests.command import Cli


@pytest.mark.as_user
@pytest.mark.slow
def test_probing_spoken_digits_gives_a_table(cli: Cli, shared: Path, tmp_path: Path):
    lines = (shared / "data/manifests/digits.tsv").read_text().splitlines()
    # Two digits of two speakers, with the official split.
    chosen = [line for line in lines[1:] if line.split("\t")[0][5] in "06" and line.split("\t")[2] in ("fsdd-george", "fsdd-theo")]  # fmt: skip  # noqa: E501
    manifest = tmp_path / "digits.tsv"
    manifest.write_text("\n".join([lines[0], *chosen]) + "\n")
    options = ["probe", "--codec", "codec2@3200", "--task", "digits", "--dataset", str(manifest), "--seeds", "2"]
    options += ["--audio-root", str(shared / "data/manifests"), "--jobs", "1", "--out", str(tmp_path / "run")]
    result = cli(*options)
    assert result.returncode == 0, result.stderr
    for text in (
        "log-mel",
        "random-tokens",
        "codec2@3200",
        "accuracy[digits]",
        "macro F1[digits]",
        "3.20",
        "(--input tokens)",
    ):
        assert text.replace("[", "\\[").replace("]", "\\]") in result.stdout or text in result.stdout
    again = cli(*options, "--json")
    rows = {(r["system"], r["metric"]): r for r in json.loads(again.stdout)}
    assert rows["log-mel", "accuracy[digits]"]["value"] > 0.9
    assert rows["codec2@3200", "accuracy[digits]"]["value"] > 0.7
    assert rows["random-tokens", "accuracy[digits]"]["value"] < 0.8
    info = json.loads((tmp_path / "run/run.json").read_text())
    assert info["sessions"][1]["trainings"] == 0  # the second time, everything was there


def test_tasks_are_listed():
    result = CliRunner().invoke(app, ["list", "tasks", "--json"])
    assert [row["task"] for row in json.loads(result.stdout)] == list(RECIPES)


def test_an_unknown_task_is_an_error(tmp_path: Path):
    result = CliRunner().invoke(app, ["probe", "--codec", "codec2@1200", "--task", "emo", "--dataset", "demo"])
    assert isinstance(result.exception, UsageError)
