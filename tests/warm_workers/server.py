"""Imports what workers and commands import, and forks for each; ends with its standard input, and they with it."""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import site
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).parent))  # which the flag -I leaves out
from client import standing_in

OWN = (
    "codec_bench.coding.worker", "codec_bench.reconstruction.worker", "codec_bench.probes", "codec_bench.speed.worker",
    "codec_bench.cli.commands", "codec_bench.reconstruction.run", "pandas", "pyarrow.parquet", "scipy.signal",
    "scipy.sparse", "scipy.fft", "torch", "soundfile", "soxr", "av", "pyworld", "pesq",
)  # fmt: skip


ISOLATED = ("numpy", "torch")


class Server:
    """Forks, and tells who asked how the fork ended; kills it when who asked is gone."""

    def __init__(self, address: str, begin: Callable[[dict[str, Any], list[int], str], None]) -> None:
        self._address = address
        self._begin = begin
        self._waiting: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(address)
        self._listening.listen(64)
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(woken, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._woken, self._wake = woken, wake
        for watched in (self._listening, woken, 0):
            self._selector.register(watched, selectors.EVENT_READ)

    def run(self) -> None:
        """Serves until standard input ends."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj == 0:
                    for pid in self._waiting:
                        _kill(pid)
                    return
                if key.fileobj == self._woken:
                    self._reap()
                elif key.fileobj is self._listening:
                    self._fork(self._listening.accept()[0])
                elif key.data in self._waiting:  # who asked is gone
                    self._selector.unregister(key.fileobj)
                    _kill(key.data)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._woken, 1 << 16)
        with suppress(ChildProcessError):
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
                _kill(ended.si_pid)  # what it leaves running, while nobody else can have its number
                code = os.waitstatus_to_exitcode(os.waitpid(ended.si_pid, 0)[1])
                connection = self._waiting.pop(ended.si_pid)
                with suppress(KeyError):
                    self._selector.unregister(connection)
                with suppress(OSError):
                    connection.sendall(struct.pack("!i", code))
                connection.close()

    def _fork(self, connection: socket.socket) -> None:
        head, descriptors, _, _ = socket.recv_fds(connection, 4, 5)
        if len(head) < 4:  # killed before it could ask
            connection.close()
            return
        data = b""
        (size,) = struct.unpack("!I", head)
        while len(data) < size and (part := connection.recv(size - len(data))):
            data += part
        child = os.fork()
        if child == 0:
            self._forget(connection)
            _end(lambda: self._begin(json.loads(data), descriptors, self._address))
        for descriptor in descriptors:
            os.close(descriptor)
        self._waiting[child] = connection
        self._selector.register(connection, selectors.EVENT_READ, child)

    def _forget(self, connection: socket.socket) -> None:
        """In the fork: what is the server's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for one in (connection, self._listening, *self._waiting.values()):
            one.close()
        os.close(self._woken)
        os.close(self._wake)


def _kill(pid: int) -> None:
    for end in (os.killpg, os.kill):  # it may not have its group yet
        with suppress(ProcessLookupError, PermissionError):
            end(pid, signal.SIGKILL)


def _end(function: Callable[[], None]) -> NoReturn:
    """In the fork: calls a function, and ends as an interpreter would."""
    code = 1
    try:
        function()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter shows it
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _prepare(job: dict[str, Any], descriptors: list[int]) -> None:
    """In the fork: its group, its standard files, its variables and its folder."""
    os.setsid()
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    arguments = job["arguments"]
    if descriptors[3:]:  # the pipes of a worker, which have other numbers here
        arguments[2:4] = map(str, descriptors[3:])
    sys.argv[:] = arguments
    importlib.invalidate_caches()


def _begin_own(job: dict[str, Any], descriptors: list[int], address: str) -> None:
    """In the fork: a worker of our own, or a command."""
    from codec_bench.guard import guarded
    from codec_bench.processes import process

    _prepare(job, descriptors)
    if descriptors[3:]:
        runpy.run_path(sys.argv[0], run_name="__main__")
        return
    more = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:0] = [job["folder"], *more]
    process.guarded = lambda command: guarded(standing_in(address, command))
    runpy.run_module("codec_bench", run_name="__main__", alter_sys=True)


def _begin_isolated(job: dict[str, Any], descriptors: list[int], _: str) -> None:
    """In the fork: a worker in an environment, whose packages come before ours, and which does not know codec-bench."""
    _prepare(job, descriptors)
    python = sys.argv.pop()
    (packages,) = Path(python).parents[1].glob("lib/python*/site-packages")
    loaded = {name.partition(".")[0] for name in sys.modules}
    if loaded.intersection(place.name.partition(".")[0] for place in packages.iterdir()):  # it has its own
        for descriptor in descriptors[3:]:
            os.set_inheritable(descriptor, True)
        os.execv(python, [python, "-I", "-B", "-u", *sys.argv])
    sys.executable, sys.prefix, sys.exec_prefix = python, *2 * [str(Path(python).parents[1])]
    sys.meta_path[:] = [finder for finder in sys.meta_path if "Editable" not in str(finder)]
    sys.path[:] = [entry for entry in sys.path if entry in STANDARD]
    site.addsitedir(str(packages))
    runpy.run_path(sys.argv[0], run_name="__main__")


STANDARD = [
    path for path in sys.path if "site-packages" not in path and (path.endswith(".zip") or "lib/python" in path)
]
"""Where the standard library is."""


def main(address: str, kind: str) -> None:
    """Listens at once; who asks meanwhile waits."""
    folder = str(Path(__file__).parent)
    del sys.modules["client"]  # no module of the user's own, as which a worker would count it
    sys.path[:] = [entry for entry in sys.path if entry != folder]
    server = Server(address, _begin_own if kind == "own" else _begin_isolated)
    os.write(1, b".")
    os.dup2(2, 1)
    for name in OWN if kind == "own" else ISOLATED:
        with suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    server.run()


if __name__ == "__main__":
    main(*sys.argv[1:3])
