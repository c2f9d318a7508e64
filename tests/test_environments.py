"""Environments that are really made, from wheels and source archives of our own, without a network."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import signal
import stat
import subprocess
import sys
import sysconfig
import time
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

import codec_bench
from codec_bench.environments import Environment, EnvironmentState, Source, tree_digest, virtual
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.files import folder_size
from codec_bench.needed_environments import needed_environments
from tests.processes.material import COMMIT, archive, heed_ctrl_c, wait_until_gone, wheel
from tests.processes.toy_codec import SOURCE, TREE, ToyCodec

pytestmark = pytest.mark.long

TOY = ToyCodec.environment
ROOT = Path(codec_bench.__file__).parents[1]


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mirror with the toy's source and with a version of a package that ours is not."""
    folder = tmp_path_factory.mktemp("mirror")
    wheel(folder / "wheels", "jiwer", "0.0.1", "place = 'its own'\n")
    archive(folder, SOURCE, TREE)
    return folder


@pytest.fixture(autouse=True)
def _offline(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, and pip even where uv is."""
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(mirror))
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    monkeypatch.setattr(virtual, "_uv", lambda: None)


@pytest.fixture(scope="module")
def toy_home(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the toy's environment, made with pip."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("toy")
        patch.setenv("CODEC_BENCH_HOME", str(home))
        patch.setenv("CODEC_BENCH_MIRROR", str(mirror))
        patch.setenv("CODEC_BENCH_OFFLINE", "1")
        patch.setattr(virtual, "_uv", lambda: None)
        patch.setenv("PYTHONPATH", str(ROOT))
        steps: list[str] = []
        TOY.create(steps.append)
        assert steps[0] == "unpacking someone/toy at 0123456789ab"
        assert steps[1].startswith("making a Python environment in")
        assert steps[2] == "installing jiwer==0.0.1"
        assert steps[3].startswith("installed 1 package in ")
    return home


@pytest.fixture
def toy(toy_home: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setenv("CODEC_BENCH_HOME", str(toy_home))
    return TOY


def says(made: Environment, code: str) -> str:
    command = [str(made.interpreter), "-I", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout.strip()


def test_its_own_packages_win_over_ours(toy: Environment):
    assert importlib.metadata.version("jiwer") != "0.0.1"
    found = says(toy, "import jiwer, importlib.metadata as m; print(jiwer.place, m.version('jiwer'))")
    assert found == "its own 0.0.1"
    assert toy.record["packages"] == {"jiwer": "0.0.1"}


def test_ours_can_be_used_behind_them(toy: Environment):
    code = "import soundfile, numpy; print(soundfile.__file__, numpy.ones(2).sum())"
    assert says(toy, code) == f"{soundfile.__file__} 2.0"


def test_what_is_installed_in_development_mode_is_not_seen(toy: Environment):
    if Path(codec_bench.__file__).is_relative_to(sysconfig.get_paths()["purelib"]):
        pytest.skip("codec-bench is not installed in development mode here")
    assert says(toy, "import importlib.util as u; print(u.find_spec('codec_bench'))") == "None"


def test_the_wanted_part_of_the_source_is_there_and_is_recorded(toy: Environment):
    folder = toy.source_folder(SOURCE)
    assert [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()] == ["toy/__init__.py"]
    text = hashlib.sha256(b"place = 'the source'\n").hexdigest() + "  toy/__init__.py\n"
    assert toy.record["sources"] == {"someone/toy": hashlib.sha256(text.encode()).hexdigest()}


def test_making_it_again_does_nothing(toy: Environment):
    before = (toy.folder / "environment.json").stat()
    toy.create(pytest.fail)
    assert (toy.folder / "environment.json").stat() == before
    assert toy.state is EnvironmentState.READY
    assert toy.problem() is None
    assert folder_size(toy.folder) > len("place = 'the source'\n")


def test_an_environment_that_is_missing_says_how_to_make_it():
    assert TOY.state is EnvironmentState.ABSENT
    assert TOY.problem() == "its environment toy is missing: codec-bench env create toy creates it"
    assert TOY.problem("codec:x") == "its environment toy is missing: codec-bench env create codec:x creates it"
    TOY.remove()


def test_another_declaration_makes_it_anew():
    first = Environment("toy", inherits=True)
    first.create()
    (first.folder / "old").touch()
    second = Environment("toy", without_dependencies=("jiwer",), inherits=False)
    assert first.is_ready
    assert second.state is EnvironmentState.OUTDATED
    assert "is outdated" in str(second.problem())
    second.create()
    assert second.is_ready
    assert not (first.folder / "old").exists()
    assert not first.is_ready
    second.remove()
    assert second.state is EnvironmentState.ABSENT


def test_one_that_inherits_from_somewhere_else_is_outdated():
    made = Environment("toy", inherits=True)
    made.create()
    path = made.folder / "environment.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"inherited": ["/another/python"]}))
    assert made.state is EnvironmentState.OUTDATED


def test_a_record_that_is_none_counts_as_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path))
    made = Environment("toy")
    made.folder.mkdir(parents=True)
    path = made.folder / "environment.json"
    whole = {"fingerprint": "f", "python": "3.11.7", "packages": {"numpy": "2.0"}, "sources": {}}
    path.write_text(json.dumps(whole))
    assert made.record == whole
    wrong = [{"packages": []}, {"packages": {"numpy": 2}}, {"sources": None}, {"python": 3}, {"fingerprint": None}]
    wrong += [{"imports": "none"}, {"imports": {"codec": 1}}, {"inherited": "folder"}, {"inherited": [1]}]
    for content in ("[" * 200_000, *(json.dumps(whole | change) for change in wrong)):
        path.write_text(content)
        assert made.record == {}
        assert made.state is EnvironmentState.INCOMPLETE
    path.unlink()
    os.mkfifo(path)
    assert made.state is EnvironmentState.INCOMPLETE


def test_packages_that_ask_for_a_newer_python_are_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path))
    wanted = Environment("toy", inherits=True, oldest_python="9.1")
    assert "needs Python 9.1 or newer" in (wanted.problem() or "")
    with pytest.raises(UnavailableError, match=r"needs Python 9\.1 or newer"):
        wanted.create()
    assert not wanted.folder.exists()
    assert "is missing" in (replace(wanted, oldest_python="3.10").problem() or "")


@pytest.mark.parametrize("record", [None, "{", "[]", "null"])
def test_one_that_was_not_finished_is_made_anew(record: str | None):
    made = Environment("toy")
    made.folder.mkdir(parents=True)
    if record is not None:
        (made.folder / "environment.json").write_text(record)
    assert made.state is EnvironmentState.INCOMPLETE
    assert "was not finished" in str(made.problem())
    made.create()
    assert made.is_ready
    made.interpreter.unlink()
    assert made.state is EnvironmentState.INCOMPLETE


def test_a_package_that_cannot_be_had_leaves_something_to_repeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = Environment("toy", requirements=("a-package-that-nobody-has==7",))
    with pytest.raises(UnavailableError, match=r"toy could not be created.*a-package-that-nobody-has==7") as caught:
        made.create()
    assert "\n" not in str(caught.value)
    assert made.state is EnvironmentState.INCOMPLETE
    wheel(tmp_path / "wheels", "a_package_that_nobody_has", "7", "")
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    made.create()
    assert made.record["packages"] == {"a_package_that_nobody_has": "7"}


def test_an_archive_that_leads_out_of_its_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = Environment("toy", sources=(Source("someone/evil", COMMIT),))
    archive(tmp_path, made.sources[0], {"evil/fine.py": "", "evil/../../../escaped.py": ""})
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    with pytest.raises(UnavailableError, match="leads out of its folder"):
        made.create()
    assert not made.is_ready
    assert not list(made.folder.parent.parent.rglob("escaped.py"))


@pytest.mark.parametrize("name", ["x/../../up", "Toy", "", ".hidden", "a b"])
def test_names_of_environments_are_names_of_folders(name: str):
    with pytest.raises(ValueError, match="is not a name for an environment"):
        Environment(name)


@pytest.mark.parametrize(("repository", "commit"), [("toy", COMMIT), ("a/../b", COMMIT), ("a/b", "main")])
def test_sources_are_repositories_at_commits(repository: str, commit: str):
    with pytest.raises(ValueError, match="owner/name at a commit"):
        Source(repository, commit)


@pytest.mark.parametrize("files", [{"toy/other.py": ""}, {"a/toy/x.py": "", "b/toy/x.py": ""}])
def test_an_archive_of_something_else_is_refused(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    archive(tmp_path, SOURCE, files)
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    with pytest.raises(UnavailableError, match=r"is not the source of someone/toy: it has [02] folders"):
        Environment("toy", sources=(SOURCE,)).create()


def test_a_tree_has_the_digest_that_was_declared(toy: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    right = tree_digest(toy.source_folder(SOURCE))
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path))
    with pytest.raises(UnavailableError, match=r"another source of someone/toy: .* expected 000000000000\.\.\."):
        Environment("toy", sources=(replace(SOURCE, tree="0" * 64),)).create()
    made = Environment("toy", sources=(replace(SOURCE, tree=right),))
    made.create()
    assert made.is_ready


def test_the_digest_of_a_tree_is_that_of_its_sorted_list(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x").write_text("1")
    (tmp_path / "a.y").write_text("2")
    done = subprocess.run(
        "find . -type f | sed 's|^./||' | LC_ALL=C sort | xargs sha256sum | sha256sum",
        shell=True, cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert tree_digest(tmp_path) == done.stdout.split()[0]


def test_a_source_that_cannot_be_had_does_not_cost_the_old_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = Environment("toy")
    made.create()
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    with pytest.raises(UnavailableError, match="someone-toy"):
        Environment("toy", sources=(SOURCE,)).create()
    assert made.is_ready


def test_a_python_that_is_missing_is_named():
    with pytest.raises(UnavailableError, match=r"needs Python 3\.99: install it, or uv"):
        Environment("toy", python="3.99").create()
    with pytest.raises(ValueError, match="its Python is ours"):
        Environment("toy", python="3.10", inherits=True)


@pytest.mark.slow
def test_another_python_is_used_where_there_is_one():
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    made = [Environment("toy", ("jiwer==0.0.1",), python=f"3.{n}") for n in (12, 11, 10) if f"3.{n}" != ours]
    for one in made:
        try:
            one.create()
        except UnavailableError as error:
            assert "needs Python" in str(error)
            continue
        assert says(one, "import sys; print('%d.%d' % sys.version_info[:2])") == one.python
        assert one.record["packages"]["jiwer"] == "0.0.1"
        return
    pytest.skip("there is no other Python here")


def test_a_home_that_cannot_be_written_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="cannot be written"):
        Environment("toy").create()


CREATE = """
import sys
from codec_bench.needed_environments import needed_environments
from codec_bench.environments import Environment
made = Environment("toy", inherits=True)
made.create(lambda step: print(step, flush=True))
print(made.is_ready)
"""


def test_two_processes_make_it_once():
    started = [
        subprocess.Popen([sys.executable, "-c", CREATE], stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[0].splitlines() for process in started]
    assert [lines[-1] for lines in said] == ["True", "True"]
    assert sum(line.startswith("making") for lines in said for line in lines) == 1


def test_ctrl_c_ends_the_installer_and_can_be_repeated(tmp_path: Path):
    """The installer is a program of that name that would take a minute."""
    uv = tmp_path / "uv"
    uv.write_text(f"#!/bin/sh\nsleep 61 &\necho $! > {tmp_path}/pid\nwait\n")
    uv.chmod(uv.stat().st_mode | stat.S_IXUSR)
    process = subprocess.Popen(
        [sys.executable, "-c", CREATE],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509
    )
    deadline = time.monotonic() + 30
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) != 0
    wait_until_gone(int((tmp_path / "pid").read_text()))
    made = Environment("toy", inherits=True)
    assert made.state is EnvironmentState.INCOMPLETE
    made.create()
    assert made.is_ready


def test_uv_makes_the_same(monkeypatch: pytest.MonkeyPatch, toy: Environment, tmp_path: Path):
    monkeypatch.undo()
    if virtual._uv() is None:
        pytest.skip("uv is not installed")
    monkeypatch.setenv("CODEC_BENCH_OFFLINE", "1")
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / "home"))
    wheel(tmp_path / "wheels", "jiwer", "0.0.1", "place = 'its own'\n")
    made = replace(TOY, sources=(), inherits=False)
    details: list[str] = []
    made.create(detail=details.append)
    assert says(made, "import jiwer; print(jiwer.place)") == "its own"
    assert made.record["packages"] == {"jiwer": "0.0.1"}
    assert any("jiwer" in line for line in details)


def test_each_package_that_codecs_of_one_environment_take_is_tried():
    assert set(needed_environments()["l3ac"].checks) == {"l3ac-0.75k", "sq-codec-0.75k"}
