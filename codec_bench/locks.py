"""Files that one process holds at a time. The system lets go of what a dead process held, so none is ever stale."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from codec_bench.errors import CodecBenchError
from codec_bench.files import write_error

POLL_SECONDS = 0.5
"""How often a process that waits looks whether it shall stop."""


class HeldError(CodecBenchError):
    """Another process holds the lock.

    Attributes:
        holder: Which one, as far as it can be known: `process 4711`, `process 4711 on gpu7` or `another process`.
    """

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"{holder} holds {path}")
        self.holder = holder


@contextmanager
def locked(
    path: Path,
    on_wait: Callable[[str], None] | None = None,
    check_stop: Callable[[], None] = lambda: None,
    describe: Callable[[Path, OSError], CodecBenchError] = write_error,
) -> Iterator[None]:
    """Holds a lock file, for this process and what else runs in it; it is made with its folder, and left where it is.

    Args:
        path: The file.
        on_wait: Told once who holds it, where it has to be waited for; without it nothing waits.
        check_stop: Raises what shall end the wait; asked every `POLL_SECONDS`.
        describe: The error to raise for one of the disk.

    Raises:
        HeldError: Another process holds it, and there is no `on_wait`.
        UsageError: The folder cannot be written, or its disk knows no locks.
        DiskFullError: No room left.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_waiting = False
        while not lock.is_locked:
            check_stop()
            holder = _holder(path)  # looked up first: some versions of filelock empty the file
            try:
                lock.acquire(timeout=POLL_SECONDS if is_waiting else 0)
            except Timeout:
                if on_wait is None:
                    raise HeldError(path, holder) from None
                if not is_waiting:
                    on_wait(holder)
                is_waiting = True
    except OSError as error:
        raise describe(path, error) from error
    except NotImplementedError as error:  # filelock's word for it
        raise describe(path, OSError(errno.ENOLCK, "its disk knows no locks", str(path))) from error
    try:
        with suppress(OSError):  # of no use but to tell others
            _sign(path)
        yield
    finally:
        with suppress(OSError):  # the file stays, and may be sent around with its folder
            path.write_text("", encoding="utf-8")
        lock.release()


def is_locked(path: Path) -> bool:
    """Whether a process holds a lock file, as far as one can tell; a file that does not exist is not held."""
    from filelock import FileLock, Timeout

    if not path.is_file():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError, NotImplementedError):
        return True
    lock.release()
    return False


def _sign(path: Path) -> None:
    """Says in a lock file that we hold it, as filelock itself does where the disk knows no locks."""
    if str(os.getpid()) not in path.read_text(encoding="utf-8").split():
        path.write_text(f"{os.getpid()}\n{socket.gethostname()}\n", encoding="utf-8")


def _holder(path: Path) -> str:
    """Who holds a lock that is held."""
    try:
        process, host, *_ = path.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError):
        return "another process"
    return f"process {process}" if host == socket.gethostname() else f"process {process} on {host}"
