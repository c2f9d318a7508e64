"""What is released agrees with itself: versions, links, extras, pages of the site, workflows."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import codec_bench

from .conftest import ROOT

PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
ALONE = {"vocos", "speechtokenizer", "s3tokenizer", "speechbrain", "distillmos", "squim", "fcpe", "visqol"}


def script(path: str) -> ModuleType:
    """A script of the repository, as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def extras() -> dict[str, set[str]]:
    """What each extra asks for, with those that it names in its place."""
    section = PROJECT.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    lists = dict(re.findall(r"^(\w+) = \[(.*?)\](?=\s*(?:#.*)?$)", section, re.MULTILINE | re.DOTALL))
    asked = {name: re.findall(r'"([^"]+)"', text) for name, text in lists.items()}

    def whole(name: str) -> set[str]:
        found: set[str] = set()
        for entry in asked[name]:
            inner = re.fullmatch(r"codec-bench\[(.*)\]", entry)
            found |= set().union(*map(whole, inner[1].split(","))) if inner else {entry}
        return found

    return {name: whole(name) for name in asked}


def test_the_version_is_the_same_everywhere():
    version = codec_bench.__version__
    assert re.search(r'^version = "(.*)"', PROJECT, re.MULTILINE)[1] == version  # type: ignore[index]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1] == version  # type: ignore[index]


def test_links_of_the_description_work_without_a_checkout(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    made = script("setup.py").absolute((ROOT / "README.md").read_text(encoding="utf-8"))
    tag = f"v{codec_bench.__version__}"
    assert f"](https://github.com/codec-bench/codec-bench/blob/{tag}/docs/running.md)" in made
    assert f"](https://raw.githubusercontent.com/codec-bench/codec-bench/{tag}/docs/images/html-report.png)" in made
    assert [link for link in re.findall(r"\]\(([^)]+)\)", made) if not link.startswith(("https://", "#"))] == []


def test_extras_by_purpose_hold_the_others():
    found = extras()
    for name in set(found) - ALONE - {"test", "lint", "docs"}:
        assert found[name] <= found["all"], name
    for name in ALONE:
        assert not found[name] <= found["all"], name
    large = found["wandb"] | found["mlflow"] | found["trackio"]
    assert found["all"] - large <= found["test"], "tests run with all that is not large"


def test_uv_takes_the_constraints_of_pip():
    (listed,) = re.findall(r"^constraint-dependencies = \[(.*?)\]", PROJECT, re.MULTILINE | re.DOTALL)
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    kept = [line for line in lines if line and not line.startswith("#")]
    assert sorted(re.findall(r'"([^"]+)"', listed)) == sorted(kept)


def pages(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    return [page for entry in (nav.values() if isinstance(nav, dict) else nav) for page in pages(entry)]


def test_every_page_is_in_the_site():
    listed = pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    site = script("scripts/docs_site.py")
    assert len(listed) == len(set(listed))
    assert set(listed) == {path.name for path in (ROOT / "docs").glob("*.md")} | {*site.PAGES, "reference.md"}


def test_the_reference_has_what_the_package_offers():
    site = script("scripts/docs_site.py")
    text = site.reference()
    for name in set(codec_bench.__all__) - {"__version__"}:
        assert re.search(rf"^::: codec_bench[\w.]*\.{name}$", text, re.MULTILINE), name
    for name in re.findall(r"^::: ([\w.]+)\.(\w+)$", text, re.MULTILINE):
        assert hasattr(__import__(name[0], fromlist=["x"]), name[1]), name
    assert "](docs/" not in site.page_of("README.md")


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda p: p.name)
def test_workflows_are_safe(path: Path):
    flow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert flow["permissions"] == {"contents": "read"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for job in flow["jobs"].values():
        for step in job["steps"]:
            if "run" in step:
                assert step["shell"] == "bash"
                assert "${{" not in step["run"]
                for target in re.findall(r"\bmake (\w+)", step["run"]):
                    assert f"\n{target}:" in makefile
    if path.name == "release.yml":
        build, publish = flow["jobs"]["build"], flow["jobs"]["publish"]
        assert "permissions" not in build
        assert publish["permissions"] == {"id-token": "write"}
        assert publish["environment"]["name"] == "pypi"
        assert publish["needs"] == "build"
        assert not any("run" in step for step in publish["steps"]), "nothing runs where packages can be published"


def test_requirements_of_an_extra_can_be_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["requirements_of.py", "docs"])
    script("scripts/requirements_of.py")
    assert set(capsys.readouterr().out.split()) == extras()["docs"]
