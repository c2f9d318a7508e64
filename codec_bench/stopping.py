"""Signals that ask a process to end, as an exception that arrives wherever the program is.

A handler that raises is not enough: what it raises inside a callback of a C library, a destructor or a plug-in is
printed and forgotten, and the run goes on.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

NAMES = ("SIGTERM", "SIGHUP", "SIGXCPU", "SIGUSR1", "SIGUSR2")
"""Besides Ctrl-C, those of systems and batch schedulers; a program that leaves them to the system is ended by each."""

REMINDER = signal.SIGURG
"""What nobody uses, and what does nothing where somebody takes its handler away."""

REMIND_SECONDS = 0.5
"""How often it is looked whether the exception got lost."""

SAME_SECONDS = 2.0
"""Within which a second signal is the first one again: `timeout` and schedulers signal a process and then its group."""


class Terminated(SystemExit):
    """The process was asked to end by a signal; its exit code is 128 and the number of the signal, as shells say it."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.signal = signal.Signals(number).name


class _Request:
    """What the signals of one block came to."""

    def __init__(self) -> None:
        self._asked: int | None = None
        self._since = 0.0
        self._raised: list[BaseException] = []
        self._over = threading.Event()
        self._reminding: threading.Thread | None = None

    def handle(self, number: int, _: FrameType | None) -> None:
        """The handler of all these signals."""
        if self._over.is_set():
            return
        if self._asked is None:
            self._asked, self._since = number, time.monotonic()
            if signal.getsignal(REMINDER) == self.arrive:
                self._reminding = threading.Thread(target=self._remind, daemon=True)
                self._reminding.start()
            self.arrive()
        elif time.monotonic() - self._since < SAME_SECONDS:
            return
        elif number == signal.SIGINT:  # somebody is tired of waiting
            raise KeyboardInterrupt
        else:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def arrive(self, *_: object) -> None:
        """Raises what was asked for, unless it may not yet, or is on its way already; the handler of reminders."""
        if self._asked is None or _whole.depth or self._over.is_set() or self._is_under_way():
            return
        self._raised.append(KeyboardInterrupt() if self._asked == signal.SIGINT else Terminated(self._asked))
        raise self._raised[-1]

    def end(self) -> None:
        """Raises no more."""
        self._over.set()
        if self._reminding is not None:
            self._reminding.join()
        self._raised.clear()

    def _remind(self) -> None:
        """Has the main thread look, also where it waits."""
        main = threading.main_thread().ident
        while main is not None and not self._over.wait(REMIND_SECONDS):
            signal.pthread_kill(main, REMINDER)

    def _is_under_way(self) -> bool:
        """Whether what runs now runs because of what was raised: it is tidied up, or about to be."""
        error = sys.exc_info()[1]
        while error is not None:
            if error in self._raised:
                return True
            error = error.__cause__ or error.__context__
        return False


class _Whole:
    """Calls of the main thread that nothing may interrupt."""

    depth = 0
    request: _Request | None = None


_whole = _Whole()


@contextmanager
def stoppable() -> Iterator[None]:
    """Turns signals that ask the process to end into `KeyboardInterrupt` and `Terminated`, unless they have a handler.

    Otherwise they end it before it can say so, and leave what it started. What is raised and swallowed is raised again.
    A second signal, later than `SAME_SECONDS`, is not waited for: the system has its way, or for Ctrl-C Python.
    Outside of the main thread, which alone gets signals, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    unhandled: dict[int, Any] = {getattr(signal, name): signal.SIG_DFL for name in NAMES if hasattr(signal, name)}
    unhandled |= {signal.SIGINT: signal.default_int_handler, REMINDER: signal.SIG_DFL}
    taken = {number: handler for number, handler in unhandled.items() if signal.getsignal(number) is handler}
    before, request = _whole.request, _Request()
    if taken:
        _whole.request = request
    for number in taken:
        signal.signal(number, request.arrive if number == REMINDER else request.handle)
    try:
        yield
    finally:
        request.end()
        _whole.request = before
        for number, handler in taken.items():
            signal.signal(number, handler)


@contextmanager
def whole() -> Iterator[None]:
    """A call that comes to its end before a signal has its way, in a block of `stoppable`; also a decorator.

    For C libraries that read through Python: they take an exception in their callbacks for the end of the file, and
    give a part of it as if it were all.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _whole.depth += 1
    try:
        yield
    finally:
        _whole.depth -= 1
        if _whole.request is not None:
            _whole.request.arrive()
