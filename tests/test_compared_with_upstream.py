"""What `scripts/compare_with_upstream.py` says of two codings; its files and the table name codecs that there are."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
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
SOURCES = os.environ.get("CODEC_BENCH_TEST_SOURCES", "")
RECORDING = ROOT / "codec_bench/datasets/demo/audio/awb-01.flac"


def codec_of(path: Path) -> IsolatedCodec:
    """The codec that a file names, in the setting that it names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    (named,) = [node for node in tree.body if isinstance(node, ast.Assign) and "CODEC" in ast.unparse(node.targets[0])]
    value = ast.literal_eval(named.value)
    name, mode = value if isinstance(value, tuple) else (value, None)
    codec = CODECS.get(name)(mode)
    assert isinstance(codec, IsolatedCodec)
    return codec


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
    codec_of(path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Has the virtual environment that all comparisons share."""
    return tmp_path_factory.mktemp("kept")


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_codec_gives_what_its_authors_code_gives(path: Path, kept: Path):
    """The whole of it, minutes and up to gigabytes of packages for each codec."""
    if not SOURCES:
        pytest.skip("CODEC_BENCH_TEST_SOURCES names no folder with `sources`")
    for source in codec_of(path).environment.sources:
        archive = f"{source.repository.replace('/', '-')}-{source.commit}.tar.gz"
        if not Path(SOURCES, "sources", archive).is_file():
            pytest.skip(f"{SOURCES} has no sources/{archive}")
    script = [sys.executable, str(ROOT / "scripts/compare_with_upstream.py"), SOURCES, path.stem]
    options = ["--recording", str(RECORDING), "--seconds", "1", "--keep", str(kept)]
    done = subprocess.run([*script, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]


def test_the_tables_have_every_environment_of_a_codec():
    text = (ROOT / "docs/environments.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    told = {name.strip() for row in rows for name in row.split(",")}
    assert {name for name, used in needed_environments().items() if used.codecs} <= told
