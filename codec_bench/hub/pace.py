"""Servers that answer so slowly that no timeout of a socket ends it: each byte starts that anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from codec_bench.errors import UnavailableError

LEAST_RATE = 1000
"""Bytes per second below which a server is given up; a gigabyte would take eleven days."""

WINDOW_SECONDS = 60.0
"""How long it may be slower than that."""

POLL_SECONDS = 0.1

Result = TypeVar("Result")


class TooSlowError(UnavailableError):
    """A server sends, but next to nothing."""


class Pace:
    """How fast bytes arrive; one thread counts, another one looks."""

    def __init__(self) -> None:
        self._arrived = 0
        self._counted = 0
        self._since = time.monotonic()

    def add(self, count: int) -> None:
        """Counts bytes that have arrived."""
        self._arrived += count

    def check(self) -> None:
        """Raises `TooSlowError` where too few have arrived for too long."""
        now = time.monotonic()
        if now - self._since < WINDOW_SECONDS:
            return
        if self._arrived - self._counted < LEAST_RATE * WINDOW_SECONDS:
            raise TooSlowError(f"it sends less than {LEAST_RATE} bytes per second: try again later")
        self._since, self._counted = now, self._arrived


def watched(work: Callable[[], Result], check: Callable[[], None]) -> Result:
    """Does something in a thread of its own for as long as a check, which is made every so often, raises nothing.

    What the check gives up is left behind, and must do no harm when it goes on; its thread ends with the process.

    Raises:
        Exception: What the work or the check raises.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001  # raised again in the thread that waits
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        check()
        thread.join(POLL_SECONDS)
    if errors:
        raise errors[0]
    return results[0]
