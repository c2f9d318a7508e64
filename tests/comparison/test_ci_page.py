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


ROOT = Path(__file__).parents[2]
GATE = ROOT / "ci" / "gate.sh"
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
GITLAB = yaml.safe_load((ROOT / "ci" / "gitlab.yml").read_text(encoding="utf-8"))[".codec-bench"]


def page(title: str) -> dict[Any, Any]:
    """A pipeline of the page, by the name of its file."""
    return yaml.safe_load(next(f for f in FENCES if f.startswith(f"# {title}")))


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


def test_every_command_of_the_page_is_taken_by_the_program():
    scripts = re.findall(r"^```(?:sh|bash)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    found = [words for script in scripts for words in commands(script)]
    assert sorted({words[0] for words in found}) == ["baseline", "compare", "run"]
    assert len(found) == 8
    for words in found:
        check(words)
    with pytest.raises(Exception, match=r"(?i)no such option"):
        check(["compare", "a", "b", "--nothing"])


def test_the_action_hands_inputs_to_the_script_through_the_environment():
    steps = ACTION["runs"]["steps"]
    assert ACTION["runs"]["using"] == "composite"
    own = [step for step in steps if "run" in step]
    assert [step["run"].split()[-1] for step in own] == ["install", "score", "compare"]
    script = GATE.read_text(encoding="utf-8")
    for step in own:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "a script that inputs are written into can be made to run them"
        for name in step["env"]:
            assert name == "CODEC_BENCH_HOME" or f"${{{name}" in script or f'"${name}' in script, name
    said = {name for step in steps for name in re.findall(r"inputs\.([\w-]+)", yaml.safe_dump(step))}
    assert said == set(ACTION["inputs"])
    for output in ACTION["outputs"].values():
        for step, name in re.findall(r"steps\.(\w+)\.outputs\.([\w-]+)", output["value"]):
            assert step in {s.get("id") for s in steps}
            assert f"output {name} " in script
    homes = [s["env"]["CODEC_BENCH_HOME"] for s in own if "CODEC_BENCH_HOME" in s["env"]]
    (cache,) = [s for s in steps if s.get("uses", "").startswith("actions/cache@")]
    assert homes == [cache["with"]["path"]]
    assert steps.index(cache) < steps.index(own[0])
    assert steps[-1]["if"] == "always()"


def test_the_jobs_of_the_page_use_inputs_that_there_are():
    job = page(".github/workflows/codec-quality.yml")["jobs"]["compare"]
    (step,) = [s for s in job["steps"] if s["uses"].startswith("codec-bench/")]
    assert step["uses"].endswith(f"@v{bench.__version__}")
    assert set(step["with"]) <= set(ACTION["inputs"])
    assert {name for name, said in ACTION["inputs"].items() if said.get("required")} <= set(step["with"])
    second = page(".github/workflows/codec-quality-comment.yml")
    assert second[True]["workflow_run"]["workflows"] == ["codec quality"]  # YAML reads `on` as a truth value
    download, post = second["jobs"]["comment"]["steps"]
    assert download["with"]["name"] == "codec-bench-compare" == f"codec-bench-{'compare'}"
    assert "${{" not in post["run"]
    own = page(".gitlab-ci.yml")["codec-quality"]
    assert set(own["variables"]) <= set(GITLAB["variables"])


def test_the_gitlab_job_keeps_its_reports():
    work = GITLAB["variables"]["WORK"]
    assert GITLAB["script"] == ["bash gate.sh score", "bash gate.sh compare"]
    assert GITLAB["artifacts"]["paths"] == ["$WORK"]
    assert GITLAB["artifacts"]["reports"]["junit"] == "$WORK/compare.xml"
    assert work == ACTION["inputs"]["work"]["default"]
    assert GITLAB["variables"]["CODEC_BENCH_HOME"] == f"$CI_PROJECT_DIR/{GITLAB['cache']['paths'][0].rstrip('/')}"
    assert GITLAB["allow_failure"]["exit_codes"] == [3]
    assert GITLAB["artifacts"]["when"] == "always"
    for name, said in ACTION["inputs"].items():
        key = name.upper().replace("-", "_")
        assert GITLAB["variables"].get(key, said.get("default", "")) == str(said.get("default", "")), name
    for link in re.findall(r"/v([\d.]+)/ci/", (ROOT / "ci" / "gitlab.yml").read_text()):
        assert link == bench.__version__


def test_the_gate_of_the_page_is_a_gate(tmp_path: Path):
    path = tmp_path / "gate.yaml"
    path.write_text(next(f for f in FENCES if f.startswith("# gate.yaml")))
    assert set(load_gate(path).entries) == {"pesq_wb", "stoi"}  # what the run of the page has
    path.write_text(next(f for f in FENCES if f.startswith("# all_keys.yaml")))
    assert set(load_gate(path).entries) == {"pesq_wb", "wer", "mcd", "stoi", "secs", "sigmos"}


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
        if weights == "worse":
            samples = samples + 0.02 * np.sin(np.arange(len(samples)))
        return np.zeros_like(samples) if weights == "silence" else super()._change(samples)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout with a codec, recordings, a gate and the baseline that the page makes."""
    bench.run("codec_bench.testing.codecs:Identity", "demo", metrics=["si_sdr"], out=tmp_path / "demo", keep_audio=True)
    lines = ["id\tpath\tspeaker"]
    for path in sorted((tmp_path / "demo" / "audio" / "test-identity").glob("*.wav")):
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


def outputs(path: Path) -> dict[str, str]:
    """What a step gave, as GitHub reads it."""
    found, lines = {}, iter(path.read_text(encoding="utf-8").splitlines())
    for line in lines:
        name, _, end = line.partition("<<")
        found[name] = "\n".join(iter(lambda: next(lines), end))
    return found


@pytest.mark.slow
def test_the_steps_pass_an_equal_codec_and_fail_a_worse_one(repository: Path, monkeypatch: pytest.MonkeyPatch):
    given = {
        "CODEC": "mycodec:MyCodec", "DATASET": "eval.tsv", "METRICS": "pesq_wb,stoi,secs", "GATE": "gate.yaml",
        "BASELINE": "baselines/mycodec.json.gz", "SAMPLE": "", "CHECKPOINT": "", "ARGUMENTS": "--jobs 2 --no-report",
        "WORK": "work", "GITHUB_OUTPUT": str(repository / "output"),
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    def step(name: str, **other: str) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
        (repository / "output").write_text("")
        with pytest.MonkeyPatch.context() as patch:
            for key, value in other.items():
                patch.setenv(key, value)
            done = carry_out(f"bash {shlex.quote(str(GATE))} {name}", repository)
        return done, outputs(repository / "output")

    done, _ = step("score")
    assert done.returncode == 0, done.stderr
    done, said = step("compare")
    assert (done.returncode, said["verdict"], said["exit-code"]) == (3, "no-baseline", "3")
    assert "there is no baseline yet" in said["table"]
    done, _ = step("compare", ALLOW_MISSING_BASELINE="true")
    assert (done.returncode, "::warning::codec-bench: no-baseline" in done.stdout) == (0, True)

    carry_out("codec-bench baseline save work/candidate --out baselines/mycodec.json.gz", repository)
    done, said = step("compare")
    assert (done.returncode, said["verdict"], "::warning::" in done.stdout) == (0, "pass", False), done.stdout
    assert said["table"] == (repository / "work" / "comment.md").read_text().rstrip("\n")
    assert said["table"].startswith("<!-- codec-bench: mycodec:MyCodec -->\n## codec-bench: Pass")

    shutil.rmtree(repository / "work")
    (repository / "decoder.txt").write_text("worse")
    assert step("score")[0].returncode == 0
    done, said = step("compare")
    assert (done.returncode, said["verdict"]) == (1, "regression")
    assert "**REGRESSION**" in said["table"]
    assert said["table"].split("\n", 1)[1] in (repository / "summary.md").read_text()
    assert (repository / "work" / "compare.xml").exists()
    assert step("compare", FAIL_ON="never")[0].returncode == 0

    shutil.rmtree(repository / "work")
    (repository / "decoder.txt").write_text("silence")
    done, _ = step("score")
    assert (done.returncode, "silent" in done.stderr) == (0, True), "the comparison is to say so"
    done, said = step("compare")
    assert (done.returncode, said["verdict"]) == (1, "regression")
    done, said = step("compare", METRICS="x", GATE="none.yaml")
    assert (done.returncode, said["verdict"]) == (2, "error")
    assert "none.yaml" in said["table"]


def test_the_script_says_what_is_missing_and_cuts_what_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("CODEC", "BASELINE"):
        monkeypatch.delenv(name, raising=False)
    for words, said in (
        ("score", "codec is empty"),
        ("compare", "baseline is empty"),
        ("", "install, score or compare"),
    ):
        done = carry_out(f"bash {shlex.quote(str(GATE))} {words}", tmp_path)
        assert (done.returncode, said in done.stderr) == (2, True)
    # A program of this name that compares nothing, but writes a great deal.
    (tmp_path / "codec-bench").write_text('#!/bin/sh\nyes "| a row |" | head -9999 >"$WORK/compare.md"\nexit 1\n')
    (tmp_path / "codec-bench").chmod(0o755)
    monkeypatch.setenv("BASELINE", "b.json")
    monkeypatch.setenv("CODEC", "a b`$(touch made)`-->")
    monkeypatch.setenv("WORK", "work")
    done = carry_out(f'PATH="$PWD:$PATH" bash {shlex.quote(str(GATE))} compare', tmp_path)
    assert done.returncode == 1, done.stderr
    comment = (tmp_path / "work" / "comment.md").read_text()
    assert 59_000 < len(comment) <= 60_000
    assert comment.splitlines()[0] == "<!-- codec-bench: a_b___touch_made_____ -->"
    assert comment.endswith("(cut here: the whole comparison is in the files of this job)\n")
    assert not (tmp_path / "made").exists()
