"""What becomes of environments: imports that are tried, borrowed packages, shared files, full disks."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import codec_bench
from codec_bench.environments import Environment, EnvironmentState, virtual
from codec_bench.environments.sharing import LEAST_BYTES, share_files
from codec_bench.errors import DiskFullError, UnavailableError
from codec_bench.files import remove_folder
from codec_bench.isolation.imports import import_problem
from codec_bench.needed_environments import NeededEnvironment, announcement
from tests.processes.material import wait_until_gone, wheel

pytestmark = pytest.mark.long

ROOT = Path(codec_bench.__file__).parents[1]
PACKAGE = "a_package_that_nobody_has"
ADDRESS = f"https://example.org/releases/{PACKAGE}-7-py3-none-any.whl"
BARE = Environment("toy", inherits=True)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror without anything yet, and no network; pip even where uv is."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(folder))
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    monkeypatch.setattr(virtual, "_uv", lambda: None)
    return folder


@pytest.fixture
def worker(tmp_path: Path) -> Path:
    """A worker that imports one package before its weights and one with them; two of its imports need not work."""
    path = tmp_path / "worker.py"
    path.write_text(
        "def load(job):\n"
        "    try:\n        import nothing_at_all\n    except ImportError:\n        pass\n"
        f"    import {PACKAGE}\n"
        "    if job.device == 'tpu':\n        import nothing_for_cpus\n"
        "    for path in job.files.values():\n        raise AssertionError(path)\n"
        "def read():\n    from json import decoder\n    import another_package\n"
    )
    return path


def checks_of(environment: Environment, worker: Path):
    return {"toy-codec": lambda: import_problem(environment, worker, {})}


def test_an_environment_without_what_its_worker_imports_is_broken(mirror: Path, worker: Path):
    checks = checks_of(BARE, worker)
    with pytest.raises(UnavailableError, match=f"cannot import what toy-codec needs .*No module named '{PACKAGE}'"):
        BARE.create(checks=checks)
    assert BARE.state is EnvironmentState.BROKEN
    assert not BARE.is_ready
    assert f"No module named '{PACKAGE}'): codec-bench env create toy makes it anew" in str(BARE.problem())


def test_what_a_worker_imports_with_its_weights_is_tried_too(mirror: Path, worker: Path):
    wheel(mirror / "wheels", PACKAGE, "7", "")
    made = Environment("toy", requirements=(PACKAGE,), inherits=True)
    with pytest.raises(UnavailableError, match="No module named 'another_package'"):
        made.create(checks=checks_of(made, worker))
    wheel(mirror / "wheels", "another_package", "1", "")
    made = replace(made, requirements=(PACKAGE, "another_package"))
    made.create(checks=checks_of(made, worker))
    assert made.is_ready
    assert made.record["imports"] == {"toy-codec": ""}


def test_what_a_package_raises_while_it_is_imported_is_told(mirror: Path, worker: Path):
    wheel(mirror / "wheels", PACKAGE, "7", "raise AttributeError('numpy has no\\nfloat')")
    made = Environment("toy", requirements=(PACKAGE,), inherits=True)
    with pytest.raises(UnavailableError, match=r"\(AttributeError: numpy has no float\)"):
        made.create(checks=checks_of(made, worker))


def test_one_of_an_older_version_is_used_and_tried_when_it_is_created_again(mirror: Path, worker: Path):
    BARE.create()
    assert BARE.is_ready  # nobody has tried anything
    made = (BARE.folder / "environment.json").stat().st_ino
    BARE.create()
    assert (BARE.folder / "environment.json").stat().st_ino == made
    wheel(mirror / "wheels", PACKAGE, "7", "")
    wheel(mirror / "wheels", "another_package", "1", "")
    lending = replace(BARE, borrowed=(PACKAGE, "another_package"))
    assert lending.fingerprint == BARE.fingerprint
    assert lending.lacks_checks(checks_of(lending, worker))
    lending.create(checks=checks_of(lending, worker))
    assert lending.is_ready
    assert lending.record["packages"] == {PACKAGE: "7", "another_package": "1"}


def test_a_broken_one_is_tried_again_before_it_is_made_anew(mirror: Path):
    answers = iter(["it lacks something", None])
    with pytest.raises(UnavailableError, match="it lacks something"):
        BARE.create(checks={"toy-codec": lambda: next(answers)})
    steps: list[str] = []
    BARE.create(steps.append, checks={"toy-codec": lambda: next(answers)})
    assert steps == ["importing what toy-codec needs"]
    assert BARE.is_ready


def test_what_is_ours_is_not_installed_once_more(mirror: Path):
    made = replace(BARE, borrowed=("soundfile>=0.12", "torch>=2.4"))
    made.create()
    assert made.record["packages"] == {}
    with pytest.raises(ValueError, match="so it inherits them"):
        Environment("toy", borrowed=("torch",))


def test_a_wheel_with_an_address_comes_from_a_mirror_and_before_anything_else(mirror: Path):
    made = Environment("toy", ("nothing-that-there-is==1",), (f"{PACKAGE} @ {ADDRESS}",))
    with pytest.raises(UnavailableError, match=f"wheels/{PACKAGE}-7"):
        made.create()
    assert not made.folder.exists()
    wheel(mirror / "wheels", PACKAGE, "7", "")
    made = replace(made, requirements=())
    made.create()
    assert made.record["packages"] == {PACKAGE: "7"}


def test_equal_files_are_on_the_disk_once(mirror: Path, tmp_path: Path):
    wheel(mirror / "wheels", PACKAGE, "7", "#" * LEAST_BYTES)
    wheel(mirror / "wheels", "small", "1", "#")
    first, second, third = (Environment(name, requirements=(PACKAGE, "small")) for name in ("one", "two", "three"))
    first.create()
    steps: list[str] = []
    second.create(steps.append)
    assert "sharing 0.0 MB with other environments" in steps
    files = [next(made.folder.rglob(f"{PACKAGE}.py")) for made in (first, second)]
    assert files[0].samefile(files[1])
    assert not next(first.folder.rglob("small.py")).samefile(next(second.folder.rglob("small.py")))
    first.remove()
    assert files[1].read_text() == "#" * LEAST_BYTES
    files[1].write_text("!" * LEAST_BYTES)  # of the right size, and no longer what was installed
    third.create()
    assert next(third.folder.rglob(f"{PACKAGE}.py")).read_text() == "#" * LEAST_BYTES
    assert share_files(third.folder / "venv", [second.folder / "venv", tmp_path / "nothing"]) == 0


WRITER = """
import itertools, pathlib, sys
for number in itertools.count():
    try:
        (pathlib.Path(sys.argv[1]) / str(number % 500)).touch()
    except FileNotFoundError:
        print("gone", flush=True)
        break
    if number == 200:
        print("writing", flush=True)
"""


def test_a_folder_is_removed_while_something_writes_into_it(tmp_path: Path):
    folder = tmp_path / "envs/toy"
    (folder / "venv").mkdir(parents=True)
    command = [sys.executable, "-c", WRITER, str(folder / "venv")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "writing\n"
        remove_folder(folder)
        assert not folder.exists()
        assert process.stdout.readline() == "gone\n"
    folder.mkdir()
    remove_folder(folder)
    assert list(folder.parent.iterdir()) == []


def program(folder: Path, text: str) -> None:
    """An installer of the name `uv`."""
    uv = folder / "uv"
    uv.write_text(f"#!/bin/sh\n{text}")
    uv.chmod(uv.stat().st_mode | stat.S_IXUSR)


def test_a_full_disk_is_told_and_nothing_is_left_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program(tmp_path, "echo 'error: failed to write: No space left on device (os error 28)' >&2\nexit 2\n")
    monkeypatch.setattr(virtual, "_uv", lambda: str(tmp_path / "uv"))
    with pytest.raises(DiskFullError, match=r"no space left for the environment toy, on the disk of .* or of "):
        Environment("toy").create()
    assert BARE.state is EnvironmentState.ABSENT


CREATE = """
from codec_bench.environments import Environment
Environment("toy", inherits=True).create()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_installer_ends_with_us(number: signal.Signals, tmp_path: Path, mirror: Path):
    program(tmp_path, f"sleep 61 &\necho $! > {tmp_path}/pid\nwait\n")
    variables = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    process = subprocess.Popen([sys.executable, "-c", CREATE], cwd=ROOT, env=variables)
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(timeout=60) == -number
    wait_until_gone(int((tmp_path / "pid").read_text()))
    BARE.create()
    assert BARE.is_ready


def test_sizes_are_announced_with_what_is_free():
    large = Environment("large", size=5_000_000_000)
    assert announcement([NeededEnvironment(BARE)]) == ""
    text = announcement([NeededEnvironment(BARE), NeededEnvironment(large)])
    assert text.startswith("large up to about 5.00 GB, of which most is downloaded; ")
    assert "are free in /" in text
    endless = replace(large, name="endless", size=10**18)
    text = announcement([NeededEnvironment(large), NeededEnvironment(endless)])
    assert "; together 1000000005.00 GB, of which" in text
    assert text.endswith(": that may not be enough")


@pytest.mark.slow
def test_codecs_load_beside_a_codec_bench_without_extras(tmp_path: Path):
    """The whole of it, with packages of the index: the codecs that need no source tree."""
    packages = {"nemo-codec": {"nemo-toolkit==2.7.3", "transformers"}, "auv": {"auv==0.1.1", "torchaudio"}}
    if sys.version_info >= (3, 11):
        packages["l3ac"] = {"l3ac==1.0", "sq-codec==0.0.1"}
    script = [sys.executable, str(ROOT / "scripts/make_environments.py"), str(tmp_path), *packages]
    done = subprocess.run(script, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for wanted, line in zip(packages.items(), done.stdout.splitlines()[-len(packages) :], strict=True):
        name, state, _, _, found = line.split("\t")
        assert (name, state) == (wanted[0], "ready")
        installed = {package.replace("_", "-") for package in found.split()}
        assert wanted[1] <= installed | {package.partition("==")[0] for package in installed}
        assert not {package for package in installed if package.startswith("torch==")}
