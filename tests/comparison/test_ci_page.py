"""The pipelines of docs/ci.md are YAML, have the steps they need, and call commands and options that exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import codec_bench as bench
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
    assert len(found) == 11
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
    assert set(gate.entries) == {"pesq_wb", "wer", "mcd", "stoi", "secs", "sigmos"}


def test_the_table_of_defaults_is_that_of_the_code():
    table = PAGE.split("what nobody hears moves it by |\n")[1].split("\n\n")[0]
    shown: dict[str, tuple[float, float | None]] = {}
    for line in table.splitlines()[1:]:
        names, limit, noise = (cell.strip() for cell in line.strip("|").split("|"))
        found = re.findall(r"[\d.]+", noise)
        for name in re.findall(r"`(\w+)`", names):
            shown[name] = float(re.findall(r"[\d.]+", limit)[0]), float(found[0]) if found else None
    assert {name: limit for name, (limit, _) in shown.items()} == {n: limit.threshold for n, limit in DEFAULTS.items()}
    for name, (_, noise) in shown.items():
        assert noise == DEFAULTS[name].moved, name
        assert noise is None or DEFAULTS[name].threshold > noise


CODEC = """
import os
import numpy as np
from codec_bench.testing.codecs import Noise

class MyCodec(Noise):
    \"\"\"White noise; the file of weights says what is wrong with it.\"\"\"
    name = "mycodec"
    modes = ("15",)

    def _change(self, samples):
        weights = open(os.path.join(os.path.dirname(__file__), "decoder.txt")).read()
        return np.zeros_like(samples) if weights == "silence" else super()._change(samples)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout with a codec, recordings, a gate and the baseline that the page makes."""
    bench.run("codec_bench.testing.codecs:Identity", "demo", metrics=["si_sdr"], out=tmp_path / "demo", keep_audio=True)
    lines = ["id\tpath\tspeaker"]
    for path in sorted((tmp_path / "demo" / "audio" / "codec_bench.testing.codecs_Identity").glob("*.wav")):
        lines.append(f"{path.stem}\t{path}\t{path.stem.partition('-')[0]}")
    (tmp_path / "eval.tsv").write_text("\n".join(lines))
    (tmp_path / "mycodec.py").write_text(CODEC)
    (tmp_path / "decoder.txt").write_text("good")
    (tmp_path / "gate.yaml").write_text(FENCES[-1])
    return tmp_path


def carry_out(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A step as a runner of GitHub does it, in bash, with the program that is installed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}",
        "CODEC_BENCH_HOME": str(folder / ".codec-bench"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
    }
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_the_action_passes_as_printed_and_a_broken_codec_fails_it(repository: Path, github: dict[Any, Any]):
    scripts = [
        s["run"]
        for s in github["jobs"]["compare"]["steps"]
        if "codec-bench " in s.get("run", "") and "pip" not in s["run"]
    ]
    assert len(scripts) == 2
    score, compare = scripts
    assert carry_out(score, repository).returncode == 0
    early = carry_out(compare, repository)
    assert (early.returncode, "::warning::" in early.stdout) == (0, True)
    assert "there is no baseline yet" in early.stderr
    made = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for script in made:
        done = carry_out(script, repository)
        assert done.returncode == 0, done.stderr
    good = carry_out(compare, repository)
    assert (good.returncode, "::warning::" in good.stdout) == (0, False), good.stdout
    shutil.rmtree(repository / "runs" / "candidate")
    (repository / "decoder.txt").write_text("silence")
    broken = carry_out(score, repository)
    assert broken.returncode == 1, broken.stderr  # the job ends here
    assert "silent" in broken.stderr
    assert carry_out(compare, repository).returncode == 1  # and would here
    assert "Regression" in (repository / "summary.md").read_text()
