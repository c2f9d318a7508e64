"""Fixtures for all tests."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
import soundfile
from hypothesis import settings

import codec_bench
from codec_bench.guard import guarded
from codec_bench.runs.directory import Run
from tests.command import Cli, run_command, user
from tests.small_runs import CODECS, DEMO, METRICS
from tests.warm_workers import WarmWorkers

# Each process of pytest-xdist has one core; more threads than cores make torch several times slower.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# CI looks at the same examples each time, so that a change is blamed for what it does; people's runs look further.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real recordings, weights and golden values beside the repository."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the shared test material is not beside the repository")
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium of the machine."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no chromium on PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        made = playwright.chromium.launch(executable_path=found, args=options)
        yield made
        made.close()


AXE = ROOT / "build/node_modules/axe-core/axe.min.js"
FAULTS = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
  .filter(({ impact }) => impact === "serious" || impact === "critical")
  .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`)"""


@pytest.fixture(scope="session")
def faults() -> Callable[[Any], list[str]]:
    """Finds what axe calls a serious or critical fault of accessibility, in a page of Playwright."""
    if not AXE.is_file():
        pytest.skip("axe is not in build: npm install --prefix build axe-core")
    program = AXE.read_text(encoding="utf-8")

    def find(page: Any) -> list[str]:
        page.evaluate(f"{program};0")
        return list(page.evaluate(FAULTS))

    return find


@pytest.fixture(scope="session")
def longcat_mirror(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mirror with weights of LongCat's real names and layout, of a small size: what they decode is noise."""
    root = tmp_path_factory.mktemp("mirror")
    files = root / "hf/meituan-longcat/LongCat-Audio-Codec/ckpts"
    files.mkdir(parents=True)
    golden = shared / "golden" / "longcat"
    command = [sys.executable, str(golden / "weights_from_manifest.py"), str(golden / "manifest_tiny.json"), str(files)]
    subprocess.run(command, check=True, capture_output=True)
    cmvn = "LongCatAudioCodec_encoder_cmvn.npy"
    (files / cmvn).write_bytes((golden / cmvn).read_bytes())
    return root


@pytest.fixture(scope="session")
def librosa() -> Any:
    """The package, without what finds peaks in it: to compile that takes 20 s of CPU where it has never run.

    Whoever calls librosa, or what calls librosa, takes this, since it may be the first to import it.
    """
    numba = pytest.importorskip("numba")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba, "guvectorize", lambda *_, **__: lambda function: function)
        module = pytest.importorskip("librosa")
        for part in ("util.utils", "core.audio", "sequence", "feature.spectral"):
            importlib.import_module(f"librosa.{part}")
    return module


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders that do not exist yet, one after the other."""
    root = tmp_path_factory.mktemp("homes")
    return (root / str(number) for number in count())


@pytest.fixture(autouse=True)
def _own_home(_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's cache."""
    monkeypatch.setenv("CODEC_BENCH_HOME", str(next(_homes)))
    monkeypatch.delenv("CODEC_BENCH_MIRROR", raising=False)
    monkeypatch.setenv("CODEC_BENCH_NO_VERIFY", "1")
    monkeypatch.setenv("CODEC_BENCH_ASR", "pocketsphinx")  # no test fetches a recogniser because a server answers


@pytest.fixture(scope="session", autouse=True)
def warm_workers() -> Iterator[WarmWorkers]:
    """Workers of runs begin with their imports done."""
    # The path of a socket has to be short.
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        warm = WarmWorkers(Path(folder))
        patch.setattr("codec_bench.processes.process.guarded", warm.guarded)
        yield warm
        warm.close()


@pytest.fixture
def cold_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are started as in people's runs."""
    monkeypatch.setattr("codec_bench.processes.process.guarded", guarded)


@pytest.fixture
def codec_bench_in(request: pytest.FixtureRequest) -> Cli:
    """Runs `codec-bench` in a folder: in this process, or as the installed command where `-m as_user` asks for it."""
    is_typed = "as_user" in request.config.getoption("markexpr") and request.node.get_closest_marker("as_user")
    return user if is_typed else run_command


@pytest.fixture
def cli(codec_bench_in: Cli, tmp_path: Path) -> Cli:
    """Runs `codec-bench` in an empty folder."""
    return partial(codec_bench_in, tmp_path)


@pytest.fixture(scope="session")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of six utterances by five speakers, 1.2 s of each: most of what a run costs is their length."""
    folder = tmp_path_factory.mktemp("six")
    table = pd.read_csv(DEMO / "manifest.tsv", sep="\t").iloc[::4]
    for name in table["path"]:
        samples, rate = soundfile.read(DEMO / name, dtype="int16")
        soundfile.write(folder / Path(name).name, samples[rate // 3 :][: rate * 6 // 5], rate)
    table["path"] = [str(folder / Path(name).name) for name in table["path"]]
    table["duration"] = 1.2
    table.to_csv(folder / "six.tsv", sep="\t", index=False)
    return folder / "six.tsv"


@pytest.fixture
def run_in(six: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Runs in a cache of the given name; the same name is the same cache."""

    def run(home: str = "home", **options: Any) -> Run:
        monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / home))
        given = {"codec": CODECS, "dataset": str(six), "metrics": METRICS, "jobs": 1, "report": False} | options
        given.setdefault("out", tmp_path / f"{home}-out")
        return codec_bench.run(**given)

    return run
