"""`codec-bench env`, `fetch` and `doctor` for codecs in environments of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from codec_bench.adapters import CODECS
from codec_bench.environments import Environment
from codec_bench.errors import UsageError
from codec_bench.needed_environments import needed_environments
from tests.command import Cli, check_refused, run_command
from tests.processes.material import archive, wheel
from tests.processes.toy_codec import SOURCE, TREE, ToyCodec

CODEC = "codec:tests.processes.toy_codec:ToyCodec"


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Runs `codec-bench` with a mirror that has what the toy needs, and no network."""
    wheel(tmp_path / "mirror/wheels", "jiwer", "0.0.1", "")
    archive(tmp_path / "mirror", SOURCE, TREE)
    variables = {"CODEC_BENCH_MIRROR": str(tmp_path / "mirror"), "CODEC_BENCH_OFFLINE": "1"}
    return partial(run_command, tmp_path, **variables)


@pytest.mark.long
def test_an_environment_is_made_listed_and_removed(cli: Cli, tmp_path: Path):
    folder = tmp_path / "home/envs/toy"
    fetched = cli("fetch", CODEC)
    assert fetched.returncode == 0, fetched.stderr
    assert f"{SOURCE.remote.path}\t" in fetched.stdout
    assert f"codec-bench env create {CODEC}" in fetched.stderr
    done = cli("env", "create", CODEC)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"toy is ready: {folder}\n"
    lines = done.stderr.splitlines()
    assert [line.split()[1] for line in lines] == ["unpacking", "making", "installing", "installed", "importing"]
    again = cli("env", "create", CODEC)
    assert (again.stdout, again.stderr) == (done.stdout, "")
    rows = {row["environment"]: row for row in json.loads(cli("env", "list", "--json").stdout)}
    assert rows["toy"]["state"] == "unused"  # no registered codec needs it
    assert rows["toy"]["packages"] == {"jiwer": "0.0.1"}
    assert rows["toy"]["imports"] == {CODEC.removeprefix("codec:"): ""}
    assert rows["toy"]["size_bytes"] > 1000
    assert "toy" in cli("env", "list").stdout
    refused = cli("env", "remove", "toy")
    assert refused.returncode == 2
    assert "toy (" in refused.stderr
    assert "add --yes" in refused.stderr
    assert folder.exists()
    assert cli("env", "remove", "toy", "--yes").stdout == "toy is removed\n"
    assert not folder.exists()
    assert cli("env", "remove", CODEC, "--yes").stdout == "toy does not exist\n"


def test_what_cannot_be_made_is_one_line(cli: Cli, tmp_path: Path):
    next((tmp_path / "mirror/wheels").iterdir()).unlink()
    done = cli("env", "create", CODEC)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("codec-bench: the environment toy could not be created")
    assert "jiwer==0.0.1" in last
    facts = json.loads(cli("env", "list", "--json").stdout)
    assert [row["environment"] for row in facts if row["size_bytes"]] == ["toy"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "nobody"), "unknown environment 'nobody'"),
        (("create", "codec:opus"), "opus needs no environment of its own"),
        (("create", "codec:nobody"), "unknown codec 'nobody'"),
        (("remove", "nobody"), "unknown environment 'nobody'"),
    ],
)
def test_names_that_are_none(cli: Cli, arguments: tuple[str, str], message: str):
    check_refused(cli("env", *arguments), message)


class Twin(ToyCodec):
    name = "twin"


class Quarrel(ToyCodec):
    name = "quarrel"
    environment = Environment("toy", requirements=("numpy<2",))


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[ToyCodec]], None]:
    monkeypatch.setattr(CODECS, "_loaded", dict(CODECS._loaded))
    return lambda cls: CODECS.add(cls.name, cls) and None


def test_codecs_share_an_environment(registered: Callable[[type[ToyCodec]], None]):
    registered(ToyCodec)
    registered(Twin)
    assert needed_environments()["toy"].codecs == ("toy", "twin")
    registered(Quarrel)
    with pytest.raises(UsageError, match="quarrel and toy, twin declare different environments named toy"):
        needed_environments()


def test_doctor_says_what_is_missing(registered: Callable[[type[ToyCodec]], None], capsys: pytest.CaptureFixture[str]):
    from codec_bench.cli.doctor import doctor

    registered(ToyCodec)
    doctor(as_json=True)
    rows = {row["what"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["environment toy"]["state"] == rows["codec toy"]["state"] == "missing"
    detail = "its environment toy is missing: codec-bench env create toy creates it"
    assert rows["environment toy"]["detail"] == detail
