"""What users write is found where they are, called by its name, begun and checked with a command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from codec_bench.cli.new import Kind, Made, names_of, source
from codec_bench.errors import UsageError
from codec_bench.metrics.asr import backend
from codec_bench.runs.directory import load_run
from codec_bench.testing.conformance import CHECKS, Outcome, Subject, check, found_by, title_of
from tests.command import COMMAND, Cli, check_refused, user, user_environment
from tests.conftest import ROOT
from tests.test_docs import fences

ALL_FOUR = """
from codec_bench.audio import Audio
from codec_bench.datasets import Dataset
from codec_bench.datasets.demo_set import Demo
from codec_bench.metrics import register_metric
from codec_bench.metrics.asr import Recogniser
from codec_bench.testing.codecs import Identity
import numpy as np


class Mine(Identity):
    name = "my codec"

    def load(self, device="cpu"):
        import own_helper  # while it loads: the folder is still looked in

        assert own_helper.VALUE == 1


@register_metric("own", better="higher", rate=16_000)
def own(decoded):
    return decoded.length / 16_000


class Two(Dataset):
    name, synthetic = "two", True

    def utterances(self):
        return (u for u in Demo().utterances() if u.id in ("rms-01", "slt-02"))


str = str


def _hear(audio):
    return np.array("the same for all")


hear = Recogniser("transcript/own", _hear, label="own", languages=("en",))
"""


@pytest.mark.as_user
@pytest.mark.slow  # two runs in processes of their own
def test_all_four_kinds_are_found_in_a_fresh_folder_and_again_by_the_same_command(tmp_path: Path):
    (tmp_path / "own_plugins.py").write_text(ALL_FOUR)
    (tmp_path / "own_helper.py").write_text("VALUE = 1\n")
    words = [
        "run",
        "--codec",
        "own_plugins:Mine",
        "--dataset",
        "own_plugins:Two",
        "--metrics",
        "own_plugins:own,wer",
        "--asr",
        "own_plugins:hear",
        "--jobs",
        "1",
        "--no-report",
        "--out",
        "out",
    ]
    for _ in range(2):
        done = user(tmp_path, *words)
        assert done.returncode == 0, done.stderr
    summary = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert set(summary.system) == {"ground-truth", "my codec"}
    assert set(summary.metric) == {"own", "wer[own_plugins:hear]"}
    assert (summary.n == 2).all()
    assert "| my codec |" in done.stdout
    assert json.loads((tmp_path / "out/run.json").read_text())["config"]["codec"] == ["own_plugins:Mine"]


@pytest.mark.as_user
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ray", "tokens", "speed", "probe"])
def test_processes_of_every_kind_find_them(kind: str, tmp_path: Path):
    (tmp_path / "fresh_stairs.py").write_text(source(Kind.CODEC, names_of("fresh-stairs"), Made.NUMPY))
    words = {
        "ray": "run --codec fresh_stairs:FreshStairs@1 --dataset demo --sample 1 --metrics stoi --engine ray --jobs 1",
        "tokens": "tokens --codec fresh_stairs:FreshStairs --codebooks 1 --dataset demo --sample 3 --no-lm",
        "speed": "speed --codec fresh_stairs:FreshStairs@1 --seconds 1 --repeats 1 --warmup 0",
        "probe": "probe --codec fresh_stairs:FreshStairs@1 --task sid --dataset demo --seeds 1 --jobs 1",
    }[kind]
    done = user(tmp_path, *words.split(), "--out", "out", *([] if kind == "probe" else ["--no-report"]))
    assert done.returncode == 0, done.stderr
    assert "fresh-stairs@1" in done.stdout


def test_the_folder_is_looked_in_for_nothing_else(cli: Cli, tmp_path: Path):
    """A folder called like a package that is not installed is no package."""
    (tmp_path / "lc3.py").write_text("raise SystemExit('the folder was imported')\n")
    done = cli("list", "codecs", "--json")
    assert done.returncode == 0
    assert "the folder was imported" not in done.stderr
    assert str(tmp_path) not in sys.path


def test_what_is_installed_wins_and_is_named(cli: Cli, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "json.py").write_text("class Mine: pass\n")
    done = cli("run", "--codec", "json:Mine", "--dataset", "demo", "--limit", "1", "--metrics", "stoi")
    assert done.returncode == 2
    assert "which comes before the one in this folder: rename yours" in done.stderr
    assert "has no codec named 'Mine'" in done.stderr


@pytest.mark.as_user
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_nothing:Mine", "No module named 'own_nothing', neither installed nor in this folder"),
        ("own_part:Mein", "has no codec named 'Mein'; did you mean own_part:Mine?"),
        ("own_port:Mine", "did you mean 'own_part'?"),
        ("own_part:Lacking", "own_part:Lacking cannot be made: SpecError: it lacks `_decode`: docs/adding"),
    ],
)
def test_a_mistake_is_one_line_with_the_next_step(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
):
    monkeypatch.delitem(sys.modules, "own_part", raising=False)  # that of another test's folder
    (tmp_path / "own_part.py").write_text(
        "from codec_bench import Codec\nfrom codec_bench.testing.codecs import Identity\n\n\nclass Mine(Identity):\n"
        "    name = 'mine'\n\n\nclass Lacking(Codec):\n    name = 'lacking'\n\n    def _encode(self, samples):\n"
        "        return None\n"
    )
    check_refused(cli("check", name), message)
    if "Lacking" not in name:  # which costs its own row, not those of others
        check_refused(cli("run", "--codec", name, "--dataset", "demo", "--metrics", "stoi"), message)


def test_a_row_has_the_name_of_the_codec_unless_that_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from codec_bench.adapters.systems import parse_systems

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "own_names.py").write_text(
        source(Kind.CODEC, names_of("own-names"), Made.NUMPY) + "\n\nclass Copy(OwnNames):\n    name = 'opus'\n"
    )
    found = parse_systems(["own_names:OwnNames"], [1, 2])
    assert [system.label for system in found] == ["own-names@1", "own-names@2"]
    assert [system.spelling for system in found] == ["own_names:OwnNames@1", "own_names:OwnNames@2"]
    assert [system.label for system in parse_systems(["own_names:Copy@2"])] == ["own_names:Copy@2"]


def test_recognisers_of_ones_own_and_names_of_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "own_ears.py").write_text(ALL_FOUR)
    assert backend("own_ears:hear").label == "own"
    with pytest.raises(UsageError, match="is no Recogniser"):
        backend("own_ears:str")
    with pytest.raises(UsageError, match="own_ears:Audio cannot be made: TypeError"):
        backend("own_ears:Audio")
    with pytest.raises(UsageError, match="did you mean 'whisper'"):
        backend("whispr:tiny.en")


@pytest.mark.as_user
@pytest.mark.parametrize(
    ("kind", "made", "lines"),
    [
        ("codec", "torch", ["pytest"]),
        pytest.param("codec", "torch", ["codec-bench check", "codec-bench run"], marks=pytest.mark.slow),
        pytest.param("codec", "numpy", ["codec-bench check", "codec-bench run", "pytest"], marks=pytest.mark.slow),
        pytest.param("metric", "torch", ["codec-bench run", "pytest"], marks=pytest.mark.slow),
        pytest.param("dataset", "torch", ["codec-bench run", "pytest"], marks=pytest.mark.slow),
    ],
)
def test_what_new_writes_runs_with_its_test(cli: Cli, tmp_path: Path, kind: str, made: str, lines: list[str]):
    name = f"begun-{kind}-{made}"
    done = cli("new", kind, name, "--with", made)
    assert done.returncode == 0, done.stderr
    for line in lines:  # of those that it says to type
        (said,) = (text for text in done.stdout.splitlines() if text.startswith(f"{line} "))
        program, *words = said.split()
        typed = subprocess.run(
            [Path(COMMAND).with_name(program), *words],
            check=False, capture_output=True, text=True, cwd=tmp_path, timeout=280, env=user_environment(tmp_path),
        )  # fmt: skip
        assert typed.returncode == 0, f"{said}\n{typed.stdout}{typed.stderr}"
    check_refused(cli("new", kind, name), "is there already")


@pytest.mark.long
def test_what_new_writes_takes_a_checkpoint(cli: Cli, tmp_path: Path):
    cli("new", "codec", "taking")
    program = (
        "import torch, taking as t; n = t.TakingNetwork(); n.basis.data *= 0; torch.save(n.state_dict(), 'zero.pt')"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)
    run = ("run", "--codec", "taking:Taking@8", "--dataset", "demo", "--limit", "1", "--metrics", "stoi", "--no-report")
    done = [cli(*run, "--out", "plain"), cli(*run, "--checkpoint", "zero.pt", "--out", "other")]
    assert [d.returncode for d in done] == [0, 1]  # with a basis of zeros it is silent
    assert "taking@8: no value in stoi: 1 × silent" in done[1].stderr
    systems = [load_run(tmp_path / name).systems["taking@8"] for name in ("plain", "other")]
    assert [list(system["weights"]) for system in systems] == [[], ["network.pt"]]
    check_refused(cli(*run, "--checkpoint", "none.pt"), "the checkpoint none.pt does not exist")


@pytest.mark.parametrize(("name", "message"), [("1st", "begins with a letter"), ("numpy", "is installed")])
def test_names_that_are_none(name: str, message: str):
    with pytest.raises(UsageError, match=message):
        names_of(name)


@pytest.mark.as_user
def test_the_page_shows_what_new_writes():
    blocks = fences(ROOT / "docs" / "adding-a-codec.md", "python")
    assert blocks == [
        source(Kind.CODEC, names_of("transform"), Made.TORCH),
        source(Kind.CODEC, names_of("staircase"), Made.NUMPY),
    ]


BROKEN = {
    "lengths": ("return decoded", "return decoded[: len(decoded) // 2]"),
    "independence": ("codes.append(code)", "self.n = vars(self).get('n', 0) + 1; codes.append((code + self.n) % 4)"),
    "place": ("return decoded", "return np.concatenate([np.zeros(80, np.float32), decoded])"),
    "payload": ("hop=1", "hop=2"),
    "prefixes": ("range(len(code.streams))", "range(1)"),
    "causality": ("np.clip(samples, -1, 1)", "np.clip(samples * abs(samples).mean(), -1, 1)"),
}  # fmt: skip
ADVICE = {
    "lengths": "ends .* early", "independence": "state is left", "place": "say `delay=80` in the spec",
    "payload": "is `hop`", "prefixes": "are decoded to the same", "causality": "it looks ahead",
}  # fmt: skip


@pytest.mark.parametrize("broken", sorted(ADVICE))
def test_each_broken_promise_is_explained(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    text = source(Kind.CODEC, names_of(f"broken-{broken}"), Made.NUMPY)
    text = text.replace("return sum((", "decoded = sum((").rstrip() + "\n        return decoded\n"
    text = text.replace(
        "cacheable=True", "cacheable=True, causal=True, slack=1.0" if broken != "lengths" else "cacheable=True"
    )
    old, new = BROKEN[broken]
    assert old in text
    (tmp_path / f"broken_{broken}.py").write_text(text.replace(old, new))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    from codec_bench.datasets.demo_set import Demo

    found = list(check(f"broken_{broken}:Broken{broken.capitalize()}", Demo(), utterances=1))
    failed = {finding.name: finding.detail for finding in found if finding.outcome is Outcome.FAIL}
    titles = {one.__name__: title_of(one) for one in CHECKS}
    assert titles[broken] in failed or broken == "payload", failed
    assert any(re.search(ADVICE[broken], detail) for detail in failed.values()), failed


@pytest.mark.as_user
@pytest.mark.long
def test_check_ends_with_1_and_says_what_is_broken(cli: Cli, tmp_path: Path):
    text = source(Kind.CODEC, names_of("halved"), Made.NUMPY).replace("return sum((", "decoded = sum((").rstrip()
    (tmp_path / "halved.py").write_text(f"{text}\n        return decoded[: len(decoded) // 2]\n")
    done = cli("check", "halved:Halved")
    assert done.returncode == 1, done.stderr
    shown = done.stdout.splitlines()
    failed = [line for line in shown if line.startswith("FAIL")]
    assert "as long as what was given" in failed[0] and "1333 samples where 2667 are expected" in failed[0]
    assert any(line.startswith("pass ") for line in shown)
    assert f"halved:Halved: {len(failed)} of {len(CHECKS) + 1} checks failed" in shown[-1] + done.stderr


def test_what_raises_is_told_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from codec_bench.adapters.systems import load_codec

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    text = source(Kind.CODEC, names_of("raising"), Made.NUMPY).replace("codes, rest = [],", "codes, rest = [][0],")
    (tmp_path / "raising.py").write_text(text)
    finding = found_by(CHECKS[1], Subject(load_codec("raising:Raising")))
    assert finding.outcome is Outcome.FAIL
    assert "IndexError" in finding.detail
    assert "raising.py:" in finding.detail
