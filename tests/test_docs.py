"""The commands and programs in the documentation work as they stand."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from codec_bench.cli import app

from .command import COMMAND
from .conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def fences(page: Path, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def call(arguments: list[str], folder: Path) -> None:
    """Runs a program as a reader would who has the package installed, in a narrow window or none."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"CODEC_BENCH_HOME": str(folder / "home"), "COLUMNS": "80"}
    done = subprocess.run(
        arguments, check=False, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, f"{shlex.join(arguments)}\n{done.stdout}{done.stderr}"


@pytest.mark.as_user
@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_and_programs_run(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
):
    if page.name == "longcat.md":
        monkeypatch.setenv("CODEC_BENCH_MIRROR", str(request.getfixturevalue("longcat_mirror")))
    programs, commands = fences(page, "python"), fences(page, "bash")
    if programs:
        (tmp_path / "mine.py").write_text("\n".join(programs))
        call([sys.executable, "mine.py"], tmp_path)
    for text in fences(page, "yaml"):
        if named := re.match(r"# (\w+\.yaml)\n", text):
            (tmp_path / named[1]).write_text(text)
    for line in "".join(commands).replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words or words[0] == "make":  # make's targets are what runs this test
            continue
        assert words[0] == "codec-bench", line
        call([COMMAND, *words[1:]], tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_and_pictures_exist(page: Path):
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text) + re.findall(r'src="([^"]+)"', text)
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert missing == []


def test_options_in_the_pages_are_those_of_the_program():
    known, commands = {"--help"}, [typer.main.get_command(app)]
    while commands:
        command = commands.pop()
        commands += getattr(command, "commands", {}).values()
        known |= {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        said = re.findall(r"codec-bench (?:[^`\n]|\\\n)*", text) + re.findall(r"`(--[^`\n]*)`", text)
        unknown = {flag for words in said for flag in re.findall(r"(?<!\S)--[a-z][a-z-]*", words)} - known
        assert not unknown, page.name


def test_the_table_of_metrics_is_that_of_the_code():
    table = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "metric_table.py")], check=True, capture_output=True, text=True
    ).stdout
    assert table in (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
