"""What `scripts/compare_with_upstream.py` says of two codings; its files and the table name codecs that there are."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import codec_bench
from codec_bench.adapters import CODECS
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.needed_environments import needed_environments

ROOT = Path(codec_bench.__file__).parents[1]
FILES = [path for path in sorted((ROOT / "scripts/upstream").glob("*.py")) if path.stem != "process"]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("compare_with_upstream")


def coded(**arrays: object) -> dict[str, np.ndarray]:
    return {name: np.asarray(array) for name, array in arrays.items()}


def test_what_is_equal_is_told_apart_from_what_is_not(script: ModuleType):
    theirs = coded(book_0=[1, 2, 3], side_voice=[4.0], samples=np.float32([0.5, -0.25]))
    assert script.differences(theirs, theirs) == (
        ["1 x 3, 3 kinds, equal", "voice: 1, equal", "2, equal"],
        True,
    )
    longer = theirs | coded(book_0=[1, 2, 3, 9], samples=np.float32([0.5, -0.2500001, 9]))
    cells, is_same = script.differences(longer, theirs)
    assert is_same
    assert cells[0] == "1 x 4 and 3, 3 kinds, equal"
    assert cells[2] == "3 and 2, largest difference 8.9e-08 of 0.5"
    for other in (coded(book_0=[1, 2, 4]), coded(side_voice=[4.1]), coded(samples=np.float32([0.5, -0.2]))):
        assert not script.differences(theirs | other, theirs)[1]
    assert script.differences(theirs | coded(book_0=[1, 2, 4]), theirs)[0][0].endswith("2 of 3 equal")


def test_names_may_follow_options(script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    commands: list[list[object]] = []

    def run(command: list[object], **_: object) -> SimpleNamespace:
        commands.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(script, "base_environment", lambda _: Path("python"))
    monkeypatch.setattr(script, "subprocess", SimpleNamespace(run=run))
    monkeypatch.setattr("sys.argv", ["", str(tmp_path), "--recording", "speech.wav", "ticodec", "hifi_codec"])
    with pytest.raises(SystemExit, match="0"):
        script.main()
    assert commands[0][2:5] == [tmp_path, "ticodec", "hifi_codec"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_files_name_isolated_codecs(path: Path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {"write", "call"} <= functions
    (named,) = [node for node in tree.body if isinstance(node, ast.Assign) and "CODEC" in ast.unparse(node.targets[0])]
    value = ast.literal_eval(named.value)
    codec, mode = value if isinstance(value, tuple) else (value, None)
    assert issubclass(CODECS.get(codec), IsolatedCodec)
    CODECS.get(codec)(mode)


def test_the_tables_have_every_environment_of_a_codec():
    text = (ROOT / "docs/environments.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    told = {name.strip() for row in rows for name in row.split(",")}
    assert {name for name, used in needed_environments().items() if used.codecs} <= told
