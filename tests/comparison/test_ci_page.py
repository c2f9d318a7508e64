"""The pipelines of docs/ci.md are YAML, have the steps they need, and call commands and options that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from codec_bench.cli import app
from codec_bench.comparison import load_gate
from codec_bench.comparison.gate import DEFAULTS

PAGE = (Path(__file__).parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")
FENCES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def github() -> dict[Any, Any]:
    return yaml.safe_load(next(f for f in FENCES if "runs-on" in f))


@pytest.fixture(scope="module")
def gitlab() -> dict[str, Any]:
    return yaml.safe_load(next(f for f in FENCES if "before_script" in f))


def commands(script: str) -> list[list[str]]:
    """Words of each call of codec-bench in a shell script, without what follows it."""
    lines = script.replace("\\\n", " ").splitlines()
    calls = [re.split(r"\|\||&&|;", line)[0] for line in lines]
    return [shlex.split(call, comments=True)[1:] for call in calls if call.strip().startswith("codec-bench ")]


def check(words: list[str]) -> None:
    """Raises where the program itself does not take a command line."""
    group = typer.main.get_command(app)
    context = group.make_context("codec-bench", list(words), resilient_parsing=True)
    command, rest = group, list(words)
    while hasattr(command, "commands"):
        assert rest[0] in command.commands, rest
        command = command.commands[rest.pop(0)]
    command.make_context(command.name, rest, parent=context)  # parses all options; unknown ones raise


def test_every_command_of_the_page_is_taken_by_the_program(github: dict[Any, Any], gitlab: dict[str, Any]):
    scripts = re.findall(r"^```(?:sh|bash)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    scripts += [step["run"] for step in github["jobs"]["compare"]["steps"] if "run" in step]
    scripts += gitlab["codec-quality"]["script"]
    found = [words for script in scripts for words in commands(script)]
    assert sorted({words[0] for words in found}) == ["baseline", "compare", "run"]
    assert len(found) == 12 - 1
    for words in found:
        check(words)
    with pytest.raises(Exception, match=r"(?i)no such option"):
        check(["compare", "a", "b", "--nothing"])


def test_the_workflow_has_what_a_gate_needs(github: dict[Any, Any]):
    assert True in github  # YAML reads `on` as a truth value
    assert "pull_request" in github[True]
    job = github["jobs"]["compare"]
    steps = job["steps"]
    uses = [step.get("uses", "").split("@")[0] for step in steps]
    for action in ("checkout", "setup-python", "cache", "upload-artifact"):
        assert f"actions/{action}" in uses
    assert all("@v" in step["uses"] for step in steps if "uses" in step)
    order = [uses.index("actions/cache"), *(i for i, s in enumerate(steps) if "codec-bench r" in s.get("run", ""))]
    assert order == sorted(order)
    home = job["env"]["CODEC_BENCH_HOME"]
    assert home.endswith("/.codec-bench")
    assert steps[uses.index("actions/cache")]["with"]["path"] == "${{ env.CODEC_BENCH_HOME }}"
    (compared,) = (words for s in steps for words in commands(s.get("run", "")) if words[0] == "compare")
    (ran,) = (words for s in steps for words in commands(s.get("run", "")) if words[0] == "run")
    assert compared[2] == ran[ran.index("--out") + 1]
    assert "--checkpoint" in ran
    assert compared[compared.index("--markdown") + 1] == "$GITHUB_STEP_SUMMARY"
    upload = steps[uses.index("actions/upload-artifact")]
    assert upload["if"] == "always()"
    assert set(upload["with"]["path"].split()) == {"runs/candidate", compared[compared.index("--junit") + 1]}


def test_the_gitlab_job_keeps_its_reports(gitlab: dict[str, Any]):
    job = gitlab["codec-quality"]
    run, compare = (commands(line)[0] for line in job["script"])
    assert compare[2] == run[run.index("--out") + 1]
    assert job["artifacts"]["reports"]["junit"] == compare[compare.index("--junit") + 1]
    assert compare[compare.index("--markdown") + 1] in job["artifacts"]["paths"]
    assert job["cache"]["paths"] == [".codec-bench/"]
    assert job["variables"]["CODEC_BENCH_HOME"] == "$CI_PROJECT_DIR/.codec-bench"
    assert job["allow_failure"]["exit_codes"] == [3]
    assert job["artifacts"]["when"] == "always"


def test_the_gate_of_the_page_is_a_gate(tmp_path: Path):
    path = tmp_path / "gate.yaml"
    path.write_text(next(f for f in FENCES if f.startswith("# gate.yaml")))
    gate = load_gate(path)
    assert set(gate.entries) == {"pesq_wb", "wer", "mcd", "stoi", "secs"}


def test_the_table_of_defaults_is_that_of_the_code():
    table = PAGE.split("default limit |\n")[1].split("\n\n")[0]
    cells = [c.strip() for line in table.splitlines()[1:] for c in line.strip("|").split("|")]
    shown: dict[str, float] = {}
    for names, limit in zip(cells[::2], cells[1::2], strict=True):
        for name in re.findall(r"`(\w+)`", names):
            shown[name] = float(re.findall(r"[\d.]+", limit)[0])
    assert shown == {name: limit.threshold for name, limit in DEFAULTS.items()}
