"""The parent's side of a process that works for us: start, ask, give up, end."""

from __future__ import annotations

import itertools
import json
import os
import selectors
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.guard import guarded
from codec_bench.processes.protocol import Arrays, ProtocolError, pack, unpack

SERVE = Path(__file__).with_name("serve.py")

TAIL_CHARACTERS = 600
"""How much of a process's last words a message quotes."""

KEPT_BYTES = 1 << 16
"""How much of what a process prints is kept."""

READ_BYTES = 1 << 16
"""How much of a reply is read at least, where so much is there: what a pipe holds."""

POLL_SECONDS = 0.5
"""How often a process is looked at that says nothing: a child of its own may hold its pipes open after its end."""

NOT_PASSED_ON = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT")
"""Variables that would lead our packages into another environment."""


class ProcessCrash(Exception):  # noqa: N818 - an outcome for one job
    """The process ended, hung, or sent nonsense; the message is one line with the end of its standard error."""


class ProcessHang(ProcessCrash):
    """It gave no reply in time."""


class WorkerError(Exception):
    """The process is fine; the request failed."""


class WorkerProcess:
    """One process that serves a worker; `serve.py` is its other side.

    It and everything that it starts end with `close`, with the object, or with our own process, however that ends.

    Args:
        worker: `module:object` of our own, which runs in our interpreter and finds every module that we find; or the
            file of a worker module, for another environment.
        environment: Variables to set.
        python: Interpreter of the other environment.
        max_memory: Bytes of address space that it may take; None for any number. Models on a GPU need far more address
            space than memory, so this is for the CPU.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self,
        worker: str | Path,
        environment: Mapping[str, str],
        *,
        python: Path = Path(sys.executable),
        max_memory: int | None = None,
    ) -> None:
        theirs, self._requests = os.pipe()
        self._replies, replies = os.pipe()
        self._printed, printed = os.pipe()
        ours = (self._requests, self._replies, self._printed)
        path = [str(Path(entry).resolve()) for entry in sys.path]
        flags, inherited, more = ["-u"], dict(os.environ), [json.dumps(path)]
        if isinstance(worker, Path):
            flags, more = ["-I", "-B", "-u"], []
            inherited = {name: value for name, value in inherited.items() if name not in NOT_PASSED_ON}
        arguments = [str(worker), str(theirs), str(replies), str(max_memory or 0), *more]
        try:
            self._process = subprocess.Popen(
                guarded([str(python), *flags, str(SERVE), *arguments]),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                env=inherited | dict(environment),
                pass_fds=(theirs, replies),
                start_new_session=True,  # Ctrl-C is for the parent, and what the process starts ends with it
            )
        except OSError:
            for descriptor in ours:
                os.close(descriptor)
            raise
        finally:
            for descriptor in (theirs, replies, printed):
                os.close(descriptor)
        for descriptor in ours:
            os.set_blocking(descriptor, False)
        self._numbers = itertools.count()
        self._arrived = bytearray()
        self._tail = bytearray()
        self._owner = os.getpid()
        self._end = weakref.finalize(self, _end, self._process, ours, self._owner)

    @property
    def is_open(self) -> bool:
        """Whether it can be asked: it was not closed, and belongs to this process and not to one that this was forked
        from.
        """
        return self._end.alive and os.getpid() == self._owner

    def call(self, header: Mapping[str, Any], arrays: Mapping[str, Any], timeout: float) -> Arrays:
        """As `exchange`, for a worker that answers with arrays alone."""
        return self.exchange(header, arrays, timeout)[1]

    def exchange(
        self, header: Mapping[str, Any], arrays: Mapping[str, Any], timeout: float
    ) -> tuple[dict[str, Any], Arrays]:
        """Sends a message and waits for the answer.

        Args:
            header: `op` and what belongs to it.
            arrays: NumPy arrays by name.
            timeout: Seconds.

        Returns:
            The header of the answer and its arrays.

        Raises:
            WorkerError: The worker raised; the process can be used on.
            ProcessCrash: The process ended, hung, or sent nonsense; it was closed.
            CodecBenchError: What no other job could do, either.
        """
        if not self.is_open:
            raise ProcessCrash("the process was closed")
        number = next(self._numbers)
        parts = pack(dict(header, id=number), arrays)
        deadline = time.monotonic() + timeout
        self._take_printed()  # all that the pipe holds by now belongs to earlier messages
        self._tail.clear()
        try:
            for part in parts if arrays else [b"".join(parts)]:
                self._write(part, deadline, timeout)
            answer, result = unpack(lambda size: self._read(size, deadline, timeout))
            if answer.get("id") != number:
                raise ProtocolError(f"an answer to message {answer.get('id')!r}, not to {number}")
        except ProtocolError as error:
            message = f"the process sent {error}{self._last_words()}"
            self.close()
            raise ProcessCrash(message) from error
        except BaseException:  # Ctrl-C, too: a pending answer would be taken for the next one
            self.close()
            raise
        if answer.get("ok") is not True:
            raise _failure(answer)
        return answer, result

    def _write(self, part: bytes, deadline: float, timeout: float) -> None:
        view = memoryview(part)
        while view:
            self._check_time(deadline, timeout)
            try:
                view = view[os.write(self._requests, view[: 1 << 20]) :]
            except BlockingIOError:
                self._wait(self._requests, selectors.EVENT_WRITE, deadline, timeout)
            except BrokenPipeError:
                raise ProcessCrash(self._how_it_ended()) from None

    def _read(self, size: int, deadline: float, timeout: float) -> bytes:
        while len(self._arrived) < size:
            self._wait(self._replies, selectors.EVENT_READ, deadline, timeout)
            # What belongs together arrives together: all of a small message is taken at once.
            chunk = os.read(self._replies, max(READ_BYTES, min(size - len(self._arrived), 1 << 20)))
            if not chunk:
                raise ProcessCrash(self._how_it_ended())
            self._arrived += chunk
        with memoryview(self._arrived) as view:
            data = bytes(view[:size])
        del self._arrived[:size]
        return data

    def _wait(self, descriptor: int, event: int, deadline: float, timeout: float) -> None:
        """Returns when a pipe is ready, and takes what is printed in the meantime."""
        with selectors.PollSelector() as selector:  # which takes no descriptor of its own
            selector.register(descriptor, event)
            selector.register(self._printed, selectors.EVENT_READ)
            while True:
                left = self._check_time(deadline, timeout)
                ready = {key.fd for key, _ in selector.select(min(left, POLL_SECONDS))}
                if self._printed in ready and not self._take_printed():
                    selector.unregister(self._printed)
                if descriptor in ready:
                    return
                ended = self._process.poll() is not None
                if ended and descriptor not in {key.fd for key, _ in selector.select(0)}:
                    raise ProcessCrash(self._how_it_ended())

    def _check_time(self, deadline: float, timeout: float) -> float:
        """The seconds that are left.

        Raises:
            ProcessHang: None are.
        """
        left = deadline - time.monotonic()
        if left <= 0:
            raise ProcessHang(f"the process gave no reply within {timeout:g} s{self._last_words()}")
        return left

    def _take_printed(self) -> bool:
        """Takes one piece of what was printed; whether there may be more."""
        try:
            chunk = os.read(self._printed, KEPT_BYTES)
        except BlockingIOError:
            return False
        self._tail += chunk
        del self._tail[:-KEPT_BYTES]
        return bool(chunk)

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return f"the process closed its pipe{self._last_words()}"
        how = f"ended with status {code}"
        if code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        if code == -signal.SIGKILL:
            how += ", as the system does when memory runs out"
        return f"the process {how}{self._last_words()}"

    def _last_words(self) -> str:
        until = time.monotonic() + 1  # what it started may print on and on
        while time.monotonic() < until and self._take_printed():
            pass
        tail = _one_line(self._tail.decode(errors="replace"))
        if len(tail) > TAIL_CHARACTERS:
            tail = f"... {tail[-TAIL_CHARACTERS:]}"
        return f": {tail}" if tail else ""

    def kill(self) -> None:
        """Ends the process and everything that it started, also while another thread waits for an answer."""
        if self.is_open:
            _kill(self._process)

    def close(self) -> None:
        """Ends the process and everything that it started, and frees what belongs to it."""
        if os.getpid() == self._owner:
            self._end()


def _failure(answer: Mapping[str, Any]) -> Exception:
    """The exception that a failed answer stands for."""
    reason = str(answer.get("error", "no reason was given"))
    if "exit_code" not in answer:
        return WorkerError(_one_line(reason))
    error = UsageError(reason) if answer["exit_code"] == UsageError.exit_code else CodecBenchError(reason)
    error.exit_code = answer["exit_code"]
    return error


def _one_line(text: str) -> str:
    """Words of a process, without what would move a terminal's cursor."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _end(process: subprocess.Popen[bytes], descriptors: tuple[int, ...], owner: int) -> None:
    if os.getpid() != owner:  # a fork has copies of the descriptors, and must not end what its parent uses
        return
    _kill(process)
    process.wait()
    for descriptor in descriptors:
        os.close(descriptor)


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.terminate()  # its guard, that is
