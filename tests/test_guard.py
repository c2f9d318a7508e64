"""Programs end with the process that started them, whatever they are doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codec_bench.guard import guarded
from tests.processes.material import is_alive, wait_until_gone

BUSY = {
    "computes in C with the interpreter's lock": "import re; re.match('(a+)+b', 'a' * 64)",
    "is stopped": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
    "ignores signals": "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; time.sleep(60)",
    "has forked": "os.fork() or os.fork(); time.sleep(60)",
}

PARENT = """
import subprocess, sys, time
from codec_bench.guard import guarded
subprocess.Popen(guarded([sys.executable, "-c", sys.argv[1]]), start_new_session=True)
time.sleep(60)
"""


def pids_in(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def seen(file: Path, number: int = 1) -> list[int]:
    until = time.monotonic() + 30
    while len(pids_in(file)) < number:
        assert time.monotonic() < until, "nothing was started"
        time.sleep(0.02)
    return pids_in(file)


@pytest.mark.long
@pytest.mark.parametrize("code", BUSY.values(), ids=BUSY)
def test_a_program_ends_with_a_parent_that_is_killed(code: str, tmp_path: Path):
    begun = f"import os, signal, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, begun + code])
    (pid,) = seen(tmp_path / "pid")
    time.sleep(0.3)
    family = [pid, *children_of(pid)]
    assert len(family) == (3 if "fork" in code else 1)
    parent.kill()
    parent.wait()
    for process in family:
        wait_until_gone(process, 2)


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found] + [grandchild for child in found for grandchild in children_of(int(child))]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise SystemExit(7)", 7),
        ("import os; os.abort()", -signal.SIGABRT),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL),
        ("import os; os.kill(os.getpid(), 15)", -signal.SIGTERM),
    ],
)
def test_it_ends_as_the_program_does(code: str, status: int):
    assert subprocess.call(guarded([sys.executable, "-c", code]), start_new_session=True) == status


def test_what_a_program_leaves_behind_ends_with_it(tmp_path: Path):
    code = f"import os, time\nif not os.fork():\n    open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
    code += "    time.sleep(60)\ntime.sleep(0.5)\n"
    assert subprocess.call(guarded([sys.executable, "-c", code]), start_new_session=True) == 0
    (left,) = seen(tmp_path / "pid")
    wait_until_gone(left, 2)


def test_a_program_that_is_told_to_end_is_gone_when_its_guard_is():
    process = subprocess.Popen(
        guarded([sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"]),
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.terminate()
    assert process.wait(10) == -signal.SIGKILL
    assert not is_alive(pid)
    assert process.stdout.read() == b""


def test_its_descriptors_are_the_programs_alone():
    ours, theirs = os.pipe()
    code = f"import os, time; os.write({theirs}, b'x'); os.close({theirs}); time.sleep(60)"
    process = subprocess.Popen(guarded([sys.executable, "-c", code]), pass_fds=(theirs,), start_new_session=True)
    os.close(theirs)
    assert os.read(ours, 1) == b"x"
    assert os.read(ours, 1) == b""  # the end, though its guard lives
    assert process.poll() is None
    process.terminate()
    process.wait()
    os.close(ours)


def test_a_program_that_does_not_exist_is_an_error_at_once(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="there is no such program"):
        guarded([str(tmp_path / "none")])
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    done = subprocess.run(guarded([str(tmp_path / "text")]), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (127, f"{tmp_path / 'text'} cannot be started: Exec format error\n")
