"""A process in another environment: whatever it does costs the one call."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec_bench.errors import UsageError
from codec_bench.processes.pool import ProcessServer
from codec_bench.processes.process import SERVE, ProcessCrash, WorkerError, WorkerProcess
from tests.processes.material import heed_ctrl_c, is_alive, wait_until_gone

TOY = Path(__file__).with_name("toy_worker.py")
LOAD = {"op": "load", "sources": {}, "files": {}, "weights": "", "mode": None, "device": "cpu"}

Start = Callable[..., WorkerProcess]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that has loaded the toy."""
    started = []

    def make(max_memory: int | None = None, **job: object) -> WorkerProcess:
        process = WorkerProcess(TOY, {"OMP_NUM_THREADS": "1"}, max_memory=max_memory)
        started.append(process)
        process.call(LOAD | job, {}, 60)
        return process

    yield make
    for process in started:
        process.close()


def encode(process: WorkerProcess, first: float, timeout: float = 60) -> dict[str, np.ndarray]:
    return process.call({"op": "encode"}, {"samples": np.full(100, first, np.float32)}, timeout)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_arrays_larger_than_a_pipe_go_both_ways(start: Start):
    large = np.random.default_rng(0).standard_normal(1 << 20)  # 8 MB
    assert np.array_equal(start().call({"op": "echo"}, {"x": large}, 60)["x"], large)


def test_more_files_may_be_open_than_select_can_tell(start: Start):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096 if hard == resource.RLIM_INFINITY else min(4096, hard), hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        assert len(encode(start(), 0.5)["book_0"]) == 100
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_random_numbers_are_the_same_at_each_call(start: Start):
    process = start()
    first, second = (process.call({"op": "draw"}, {}, 60)["drawn"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, np.random.RandomState(0).rand(3))


def test_the_process_sees_nothing_of_ours(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "ours"))
    facts = start(sources={"a/b": "/x"}, files={"w.pt": "/y"}).call({"op": "facts"}, {}, 60)
    text = facts["text"].tobytes().decode().splitlines()
    assert {"OMP_NUM_THREADS", "a/b", "w.pt"} <= set(text)
    assert "PYTHONPATH" not in text
    assert str(tmp_path / "ours") not in text
    assert str(SERVE.parent) not in text  # it has a module `protocol`, as many a codec may


def test_an_error_is_one_line_and_the_process_goes_on(start: Start):
    process = start()
    with pytest.raises(WorkerError, match=r"^RuntimeError: no such luck$"):
        encode(process, 0.4)
    with pytest.raises(WorkerError, match=r"^ValueError: nobody knows \[2Jother$"):
        process.call({"op": "other"}, {}, 60)
    assert encode(process, 0.0)["book_0"][0] == 128
    assert process.call({"op": "draw"}, {}, 60)["calls"] == 2


def test_what_is_printed_neither_disturbs_nor_piles_up(start: Start):
    process = start()
    before = open_descriptors()
    assert len(encode(process, 0.5)["book_0"]) == 100
    assert len(process._tail) <= 1 << 16
    assert open_descriptors() == before
    with pytest.raises(ProcessCrash, match=r"ended with status 3: about to die of sample 0\.20$"):
        encode(process, 0.2)  # the call's own words, not those of the one before


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (0.1, r"^the process was killed by SIGKILL, as the system does when memory runs out$"),
        (0.2, r"^the process ended with status 3: about to die of sample 0\.20$"),
        (0.8, r"^the process ended with status 4$"),
    ],
)
def test_a_process_that_ends_says_how(start: Start, first: float, message: str):
    process = start()
    began = time.monotonic()
    with pytest.raises(ProcessCrash, match=message):
        encode(process, first)
    assert time.monotonic() - began < 10  # also where a child of it has the pipes still open
    assert not process.is_open
    with pytest.raises(ProcessCrash, match="was closed"):
        encode(process, 0.0)


def test_a_process_that_hangs_is_ended(start: Start):
    process = start()
    pid = int(process.call({"op": "facts"}, {}, 60)["pid"])
    with pytest.raises(ProcessCrash, match=r"^the process gave no reply within 0\.5 s: thinking$"):
        encode(process, 0.3, timeout=0.5)
    assert not is_alive(pid)


def test_a_process_that_does_not_read_is_given_up(start: Start):
    process = start()
    pid = int(process.call({"op": "facts"}, {}, 60)["pid"])
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ProcessCrash, match=r"no reply within 0\.5 s"):
        process.call({"op": "echo"}, {"x": np.zeros(1 << 18)}, 0.5)
    assert not is_alive(pid)


def test_memory_is_limited_where_a_limit_is_given(start: Start):
    process = start(max_memory=1 << 32)
    with pytest.raises(WorkerError, match="MemoryError"):
        encode(process, 0.6)
    assert encode(process, 0.0)["book_0"][0] == 128


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ("b'GARBAGE!'", r"^the process sent no message begins with b'GARB': hello$"),
        (
            "b''.join(protocol.pack({'ok': True, 'id': 7}, {}))",
            r"^the process sent an answer to message 7, not to 0: he",
        ),
    ],
)
def test_what_is_no_answer_ends_the_process(tmp_path: Path, sent: str, message: str):
    worker = tmp_path / "worker.py"
    worker.write_text(
        "import os, sys, time\nimport codec_bench_protocol as protocol\ndef load(job):\n    print('hello')\n"
        f"    os.write(int(sys.argv[3]), {sent})\n    time.sleep(60)\n"
    )
    process = WorkerProcess(worker, {})
    with pytest.raises(ProcessCrash, match=message):
        process.call(LOAD, {}, 60)
    assert not process.is_open


class Own:
    """A worker of ours."""

    def __init__(self, name: str) -> None:
        self.name = name

    def answer(self, job: dict[str, Any]) -> dict[str, Any]:
        if "leave" in job:
            raise SystemExit(job["leave"])
        if "usage" in job:
            raise UsageError(job["usage"])
        if os.fork() == 0:
            return {"fork": True}  # which nobody may hear of
        return {"name": self.name, "folder": str(Path.cwd()), "arrays": {"twice": 2 * job["arrays"]["x"]}}


def test_a_worker_of_ours_gets_and_gives_plain_things_and_arrays():
    server = ProcessServer(f"{__name__}:Own", {"name": "own"}, 60)
    try:
        for number in range(3):
            reply = server.call({"arrays": {"x": np.array([number, 1.5])}})
            np.testing.assert_array_equal(reply.pop("arrays")["twice"], [2 * number, 3.0])
            assert reply == {"name": "own", "folder": str(Path.cwd())}
        with pytest.raises(WorkerError, match=r"^SystemExit: 3 \(test_process\.py:\d+\)$"):
            server.call({"leave": 3})
        with pytest.raises(UsageError, match=r"^write it otherwise$"):
            server.call({"usage": "write it otherwise"})
        assert server.call({"arrays": {"x": np.zeros(1)}})["name"] == "own"
    finally:
        server.close()


@pytest.mark.parametrize(
    ("mode", "error", "message"),
    [
        ("import", WorkerError, "^ModuleNotFoundError: No module named 'a_package_that_nobody_has'$"),
        ("die", ProcessCrash, "ended with status 5: dying while loading$"),
    ],
)
def test_a_start_that_fails_says_why(start: Start, mode: str, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        start(mode=mode)


def test_an_interpreter_without_numpy_says_so(tmp_path: Path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    process = WorkerProcess(TOY, {}, python=tmp_path / "venv/bin/python")
    with pytest.raises(ProcessCrash, match=r"ended with status 1.*No module named 'numpy'"):
        process.call(LOAD, {}, 60)


def test_an_interpreter_that_is_missing_leaves_nothing_open(tmp_path: Path):
    before = open_descriptors()
    with pytest.raises(OSError, match="nowhere"):
        WorkerProcess(TOY, {}, python=tmp_path / "nowhere")
    assert open_descriptors() == before


def test_closing_ends_what_the_process_started(start: Start):
    process = start()
    child = int(process.call({"op": "child"}, {}, 60)["pid"])
    assert is_alive(child)
    process.close()
    process.close()
    wait_until_gone(child)


def test_a_process_that_nobody_holds_is_ended():
    process = WorkerProcess(TOY, {})
    process.call(LOAD, {}, 60)
    pid = int(process.call({"op": "facts"}, {}, 60)["pid"])
    before = open_descriptors()
    del process
    assert not is_alive(pid)
    assert open_descriptors() == before - 3


PARENT = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from codec_bench.errors import UsageError
from codec_bench.processes.pool import ProcessServer
from codec_bench.processes.process import WorkerProcess
import numpy as np
process = WorkerProcess(Path({toy!r}), {{}})
process.call({load!r}, {{}}, 60)
print(int(process.call({{"op": "facts"}}, {{}}, 60)["pid"]), flush=True)
try:
    process.call({{"op": "encode"}}, {{"samples": np.full(10, {first}, np.float32)}}, 60)
except KeyboardInterrupt:
    print("interrupted", process.is_open, flush=True)
    raise SystemExit(130)
"""


@pytest.mark.long
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_it_does_not_outlive_its_parent_even_while_it_computes(sent: signal.Signals):
    script = PARENT.format(root=str(SERVE.parents[2]), toy=str(TOY), load=LOAD, first=0.3)
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    time.sleep(0.2)
    assert is_alive(pid)
    parent.send_signal(sent)
    wait_until_gone(pid)
    said = parent.stdout.read()
    parent.stdout.close()
    assert parent.wait() == (130 if sent == signal.SIGINT else -signal.SIGKILL)
    assert said == ("interrupted False\n" if sent == signal.SIGINT else "")


def test_a_fork_neither_uses_nor_ends_the_process_of_its_parent(start: Start):
    process = start()
    pid = os.fork()
    if pid == 0:
        process.close()
        with suppress(BaseException):
            os._exit(1 if process.is_open else 0)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert encode(process, 0.0)["book_0"][0] == 128
