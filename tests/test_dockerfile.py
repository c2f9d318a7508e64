"""What can be known of the Dockerfile without building it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import codec_bench

from .conftest import ROOT

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def instructions(text: str = TEXT) -> list[tuple[str, str]]:
    """Each instruction and what it says, without comments and with its lines joined."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [(word, said) for word, _, said in (line.partition(" ") for line in joined.splitlines() if line)]


def of(word: str) -> list[str]:
    return [said for found, said in instructions() if found == word]


def steps(script: str) -> list[list[str]]:
    """What each `pip install` or program of ours in a script does, without options that change nothing of it."""
    kept = []
    for command in re.split(r"&&|;|\n", script):
        if "pip install" not in command and "torchaudio_without" not in command:
            continue
        dropped = ("--quiet", "$(QUIET)", "--no-cache-dir", "then", "fi", "$(BIN)/python", "python")
        kept.append([word for word in shlex.split(command, comments=True) if word not in dropped])
    return kept


def test_the_base_is_pinned_and_nothing_is_latest():
    (base,) = of("FROM")
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-bookworm", base)
    assert "latest" not in TEXT
    assert of("LABEL")[0].count(f'version="{codec_bench.__version__}"') == 1


def test_it_does_not_run_as_root_and_keeps_weights_in_a_volume():
    words = [word for word, _ in instructions()]
    assert of("USER") == ["1000"]  # by number, which a host can check without the image
    assert words.index("USER") > max(i for i, word in enumerate(words) if word in ("RUN", "COPY"))
    assert "--uid 1000" in TEXT
    (environment,) = of("ENV")
    home = dict(part.split("=", 1) for part in environment.split())["CODEC_BENCH_HOME"]
    assert home in of("VOLUME")[0]
    assert of("ENTRYPOINT") == ['["codec-bench"]']


def test_it_installs_as_make_does():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("$(VENV)/.installed: ")[2].partition("\n\n")[0]
    wanted = steps(recipe.partition("\n")[2])
    (script,) = [said for said in of("RUN") if "pip install" in said]
    found = steps(script)
    (torch,) = [words for words in found if words[-1] == "torch"]
    found.remove(torch)
    assert torch[3:5] == ["-c", "constraints.txt"]
    assert len(found) == len(wanted) == 4
    for here, there in zip(found, wanted, strict=True):
        if there[-1] == ".[test,lint]":  # all but what tests need, and not editable
            assert [w for w in there[:-1] if w != "-e"] == here[:-1]
            assert here[-1] == ".[$EXTRAS]"
        else:
            assert here == there


def test_its_extras_are_known_and_its_files_exist():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (extras,) = [said.partition("=")[2] for said in of("ARG") if said.startswith("EXTRAS=")]
    for extra in extras.split(","):
        assert re.search(rf"^{extra} = \[", text, re.MULTILINE), extra
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {name for said in of("COPY") for name in said.split()[:-1]}
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)
    assert of("ARG")[0] == "TORCH=cpu"


def test_the_page_shows_what_the_file_says():
    page = (ROOT / "docs" / "docker.md").read_text(encoding="utf-8")
    assert "never built" in page
    for command in re.findall(r"^#   (docker .*)$", TEXT, re.MULTILINE):
        assert command in page
    assert Path("/home/bench/cache").as_posix() in page
