"""`codec-bench` on a real terminal: a process of its own behind a pty, with as many columns as a test says."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import termios
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.command import COMMAND, user_environment


class Shown(NamedTuple):
    """How a command ended, and the lines that its terminal showed; those of a progress bar are overwritten ones."""

    code: int
    lines: list[str]

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


def on_terminal(folder: Path, *arguments: object, columns: int = 80, **environment: str) -> Shown:
    """Runs a command in a folder, whose `home` holds the caches.

    Args:
        folder: The working folder.
        arguments: What follows `codec-bench`.
        columns: How wide the terminal is.
        environment: Variables besides those that are there.
    """
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = user_environment(folder) | {"TERM": "xterm"} | environment
    for name in {"COLUMNS", "LINES", "NO_COLOR"} - set(environment):
        variables.pop(name, None)
    command = [COMMAND, *map(str, arguments)]
    with subprocess.Popen(command, cwd=folder, env=variables, stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        seen = b""
        with suppress(OSError):  # the other end is closed
            while part := os.read(ours, 65_536):
                seen += part
    os.close(ours)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())
    return Shown(process.returncode, [line.rpartition("\r")[2] for line in plain.replace("\r\n", "\n").split("\n")])
