"""Workers and commands that begin with their imports done: most of what a small run costs is SciPy, imported once per
process.

A server imports it, and forks for each worker that codec-bench starts in the process of the tests. Its guard, its
pipes, its environment, `serve.py` and the worker itself are those of every run; the interpreter alone is not started
anew. `cold_workers` has it started, and commands that tests run in processes of their own know none of this.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from codec_bench.guard import guarded
from tests.warm_workers.client import ISOLATED, beginning, standing_in, standing_in_isolated

SERVER = Path(__file__).with_name("server.py")
FLAGS = {"own": ("-u",), "isolated": ISOLATED}
"""Of the interpreter, by the kind of server."""


class WarmWorkers:
    """Starts workers, and their servers with the first one.

    Args:
        folder: For sockets.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = dict(os.environ)  # no test has changed it yet
        self._lock = threading.Lock()  # runs start workers in threads
        self._servers: dict[str, subprocess.Popen[bytes]] = {}

    def guarded(self, command: Sequence[str]) -> list[str]:
        """As `guard.guarded`, for a worker that a server is to fork."""
        if tuple(command[1:4]) == ISOLATED:
            return guarded(standing_in_isolated(self._address("isolated"), command))
        return guarded(standing_in(self._address("own"), command))

    def command(self, *arguments: object) -> list[str]:
        """Runs `codec-bench` in a process of its own, which has imported it and no plug-in."""
        return [*beginning(self._address("own")), "codec-bench", *map(str, arguments)]

    def _address(self, kind: str) -> str:
        """Where the server is that has imported what workers of a kind do; it is started first where it has to be."""
        address = str(self._folder / kind)
        with self._lock:
            if kind not in self._servers:
                line = [sys.executable, *FLAGS[kind], str(SERVER), address, kind]
                server = self._servers[kind] = subprocess.Popen(
                    line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self._environment, cwd=self._folder
                )
                assert server.stdout is not None
                assert server.stdout.read(1) == b"."  # it listens
        return address

    def close(self) -> None:
        """Ends the servers, and with them all that they have forked."""
        for server in self._servers.values():
            server.communicate()
