"""A machine for each file of tests: a home and a mirror that have the stand-in of its codec and nothing else."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.isolated import standins

NAMES = {module.name for module in pkgutil.iter_modules(standins.__path__)}


def standin_of(request: pytest.FixtureRequest) -> str:
    """The name of the stand-in that a file is about: `test_kanade.py` tests `kanade`."""
    return request.path.stem.removeprefix("test_")


@pytest.fixture(scope="module")
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the stand-in was prepared: `home` with its environment, `mirror` with its weights."""
    root = tmp_path_factory.mktemp("machine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_HOME", str(root / "home"))
        patch.setenv("CODEC_BENCH_MIRROR", str(root / "mirror"))
        importlib.import_module(f"{standins.__name__}.{standin_of(request)}").prepare(root / "mirror", patch)
        yield root


@pytest.fixture(scope="module")
def mirror(machine: Path) -> Path:
    return machine / "mirror"


@pytest.fixture(autouse=True)
def _places(request: pytest.FixtureRequest, _own_home: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a stand-in needs is made where a test of its file is the first to look for it."""
    if standin_of(request) in NAMES:
        machine = request.getfixturevalue("machine")
        monkeypatch.setenv("CODEC_BENCH_HOME", str(machine / "home"))
        monkeypatch.setenv("CODEC_BENCH_MIRROR", str(machine / "mirror"))
