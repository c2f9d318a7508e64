"""Stands where a process would that was not started but forked: ends as it ends, and takes it along when killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

OURS = (sys.executable, "-u")
ISOLATED = ("-I", "-B", "-u")
"""How the commands of workers begin: of our own, and after their interpreter of those in environments of their own."""


def standing_in(address: str, command: Sequence[str]) -> Sequence[str]:
    """What to start instead of a worker of our own; any other command as it is."""
    if tuple(command[:2]) == OURS and _serves(command[2]) and command[3].startswith("codec_bench."):
        return [*beginning(address), *command[2:]]
    return command


def standing_in_isolated(address: str, command: Sequence[str]) -> Sequence[str]:
    """What to start instead of a worker in an environment that has our interpreter; any other command as it is."""
    if tuple(command[1:4]) == ISOLATED and Path(command[0]).resolve() == Path(sys.executable).resolve():
        return [*beginning(address), *command[4:], command[0]]
    return command


def _serves(program: str) -> bool:
    return Path(program).name == "serve.py"


def beginning(address: str) -> list[str]:
    """How commands for a server begin, before the arguments of a worker or of `codec-bench`."""
    return [sys.executable, "-I", "-S", __file__, address]


def main(address: str, arguments: list[str]) -> None:
    """Hands over our descriptors and variables, and waits."""
    job = {"arguments": arguments, "environment": dict(os.environ), "folder": os.getcwd()}  # noqa: PTH109
    pipes: list[int] = []
    if _serves(arguments[0]):
        pipes = [int(number) for number in arguments[2:4]]
    data = json.dumps(job).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [struct.pack("!I", len(data))], [0, 1, 2, *pipes])
        connection.sendall(data)
        for descriptor in pipes:
            os.close(descriptor)  # who reads from the worker shall see its end
        status = connection.recv(4)
    if not status:
        sys.exit("the server of warm workers has ended")
    (code,) = struct.unpack("!i", status)
    if code >= 0:
        os._exit(code)
    signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
    os.kill(os.getpid(), -code)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
