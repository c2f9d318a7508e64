"""A lock tells who holds it, and is free once its holder is gone, however it ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from codec_bench.errors import UsageError
from codec_bench.locks import HeldError, is_locked, locked

HOLD = """
import sys
from pathlib import Path
from codec_bench.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder/.lock"


@pytest.fixture
def holder(path: Path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_who_does_not_wait_hears_who_holds_it(path: Path, holder: subprocess.Popen[str]):
    assert is_locked(path)
    for _ in range(2):  # asking changes nothing
        with pytest.raises(HeldError, match=f"^process {holder.pid} holds {path}$"), locked(path):
            pass


def test_the_lock_of_a_dead_process_is_free(path: Path, holder: subprocess.Popen[str]):
    holder.kill()
    holder.wait()
    assert not is_locked(path)
    with locked(path):
        assert is_locked(path)
    assert not is_locked(path)


def test_who_waits_is_told_once_and_gets_it(path: Path, holder: subprocess.Popen[str]):
    heard: list[str] = []
    asked = 0

    def check_stop() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            holder.kill()

    with locked(path, heard.append, check_stop):
        assert heard == [f"process {holder.pid}"]


def test_a_wait_can_be_stopped(path: Path, holder: subprocess.Popen[str]):
    def check_stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), locked(path, print, check_stop):
        pass


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"), locked(tmp_path / "file/.lock"):
        pass
