"""From a fresh clone to a codec of one's own, checked, scored and compared: README's lines, as one types them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.command import user_environment
from tests.conftest import ROOT
from tests.test_docs import fences

pytestmark = [pytest.mark.as_user, pytest.mark.slow]


def call(folder: Path, environment: dict[str, str], *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, words)], check=False, capture_output=True, text=True, cwd=folder, env=environment, timeout=280
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The last commit, installed as `make install` does: editable, in `.venv`, with the packages that are here."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("the tests are in no git checkout, or there is no git")
    made = tmp_path / "clone"
    for words in (
        ("git", "clone", "--quiet", ROOT, made),
        (sys.executable, "-m", "venv", "--without-pip", made / ".venv"),
    ):
        done = call(tmp_path, dict(os.environ), *words)
        assert done.returncode == 0, done.stderr
    (packages,) = (made / ".venv").glob("lib/python3*/site-packages")
    (packages / "those_of_the_tests.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation")
    python = made / ".venv/bin/python"
    done = call(
        made,
        user_environment(tmp_path),
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        *options,
        "-e",
        ".",
    )
    assert done.returncode == 0, done.stderr
    return made


def test_a_codec_of_ones_own_in_the_lines_of_readme(clone: Path, tmp_path: Path):
    folder = tmp_path / "mine"
    folder.mkdir()
    environment = {name: value for name, value in user_environment(tmp_path).items() if "CODEC_BENCH" not in name}
    environment |= {"HOME": str(tmp_path / "user"), "PATH": f"{clone / '.venv/bin'}:{environment['PATH']}"}
    (block,) = (text for text in fences(clone / "README.md", "bash") if "codec-bench new codec" in text)
    lines = [shlex.split(line, comments=True) for line in block.replace("\\\n", " ").splitlines()]
    assert [words[1] for words in lines] == ["new", "check", "run"]
    run = lines[-1]
    first = run[run.index("--out") + 1]
    again = [*run[: run.index("--out")], "--out", "runs/second"]  # nothing was changed
    shown = {}
    for words in (*lines, again):
        done = call(folder, environment, clone / ".venv/bin/codec-bench", *words[1:])
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
        shown[words[1]] = done.stdout
    assert "FAIL" not in shown["check"] and "it keeps what codecs promise" in shown["check"]
    provenance = json.loads((folder / first / "run.json").read_text())["provenance"]
    head = call(clone, environment, "git", "rev-parse", "HEAD").stdout.strip()
    assert provenance["git"]["commit"] == head  # it is the clone that was tried
    assert (folder / first / "report.html").is_file()
    done = call(folder, environment, clone / ".venv/bin/codec-bench", "compare", first, "runs/second")
    verdict = {0: "Pass: ", 3: "Needs more data: 0 kept"}[done.returncode]  # as many utterances as README takes decide
    assert done.stdout.splitlines()[-1].startswith(verdict)
    assert "|" not in done.stdout and "\\" not in done.stdout  # piped: plain text
