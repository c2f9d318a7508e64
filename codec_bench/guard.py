"""A program that ends with the process that started it, and with it all that it starts.

`python guard.py PARENT PROGRAM ARGUMENTS...` starts a program in a process group, and ends as the program ends. It ends
the group when it gets SIGTERM, or has lost its parent. It is a process and not a thread of the program: code in C that
keeps the interpreter's lock, or SIGSTOP, would stop a thread together with what it is to end.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
from collections.abc import Sequence

SECONDS = 0.25
"""How often it looks whether its parent is there."""


def guarded(command: Sequence[str]) -> list[str]:
    """The command line for a program that ends with us, or when its process is told to terminate.

    Raises:
        FileNotFoundError: There is no such program.
    """
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(2, "there is no such program", command[0])
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def _start(command: list[str]) -> int:
    child = os.fork()
    if child:
        return child
    os.setpgid(0, 0)
    try:
        os.execvp(command[0], command)  # noqa: S606 - what a caller of ours asks for
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}\n")
    os._exit(127)


def _end_group(child: int) -> None:
    """Ends the program, which was not waited for, so that nobody else has its number; and what it started."""
    for end, which in ((os.killpg, child), (os.kill, child)):  # it may not have its group yet
        try:
            end(which, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _end_as(code: int) -> None:
    if code >= 0:
        os._exit(code)
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program has left one, where people want them
    if -code != signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)


def main(parent: int, command: list[str]) -> None:
    """Starts and watches."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
    child = _start(command)
    for descriptor in {int(name) for name in os.listdir("/dev/fd")} - {0, 1, 2, woken, wake}:  # noqa: PTH208
        try:
            os.close(descriptor)  # the program's: who reads from it shall see its end
        except OSError:  # that of the list itself
            continue
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if asked or os.getppid() != parent:
            break
        if select.select([woken], [], [], SECONDS)[0]:
            os.read(woken, 64)
    _end_group(child)
    _end_as(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
