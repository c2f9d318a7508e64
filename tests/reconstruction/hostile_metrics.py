"""Metrics of a user that do to their process what none should, where the decoded audio is as long as a victim's.

`HOSTILE_LOG` names a file that gets a line for each call of a metric that hangs.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from codec_bench.metrics import register_metric
from codec_bench.processes.protocol import pack

VICTIM = 9_000
"""Samples."""


def _register(name: str, misdeed: Callable[[], Any]) -> Any:
    def score(decoded: Any) -> float:
        if decoded.length == VICTIM:
            misdeed()
        return decoded.length / 1000

    score.__qualname__ = score.__name__ = name
    return register_metric(name, better="lower", rate=16_000)(score)


def _on_all_pipes(data: bytes) -> None:
    for descriptor in range(3, 1000):
        try:
            os.write(descriptor, data)
        except OSError:
            continue


def _in_a_child(later: Callable[[], Any]) -> None:
    if not os.fork():
        later()
        os._exit(0)


def _takes_all_memory() -> None:
    """Of a machine that has 2 GB more than the process holds."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + 2_000_000_000, limits[1]))
    try:
        hoard = []
        while True:
            hoard.append(bytearray(100_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def _prints() -> None:
    print("CBP2 and more")  # noqa: T201
    os.write(1, b'{"ok": true}\n')


def _writes_late() -> None:
    time.sleep(0.3)
    _on_all_pipes(b"late")


def _holds_the_lock() -> None:
    re.match("(a+)+b", "a" * 64)


REPLY = b"".join(pack({"ok": True, "id": 10**6, "reply": {"scores": [], "facts": {}}}, {}))

prints = _register("prints", _prints)
forks = _register("forks", os.fork)
leaves_a_child = _register("leaves_a_child", lambda: _in_a_child(lambda: time.sleep(60)))
writes_late = _register("writes_late", lambda: _in_a_child(_writes_late))
writes = _register("writes", lambda: _on_all_pipes(b"garbage\n"))
replies = _register("replies", lambda: _on_all_pipes(REPLY))
closes = _register("closes", lambda: os.closerange(0, 1000))
dies = _register("dies", lambda: os._exit(0))
aborts = _register("aborts", os.abort)
hoards = _register("hoards", _takes_all_memory)
stops = _register("stops", lambda: os.kill(os.getpid(), signal.SIGSTOP))
spins = _register("spins", _holds_the_lock)


@register_metric("hangs", better="lower", rate=16_000)
def hangs(decoded: Any) -> float:
    """Hangs with every utterance."""
    with Path(os.environ["HOSTILE_LOG"]).open("a") as log:
        log.write(f"{decoded.length}\n")
    time.sleep(600)
    return 1.0


@register_metric("draws", better="higher", same_utterance=False)
def draws(decoded: Any) -> float:
    """Draws its value, from the generator that everybody in its process shares."""
    np.random.seed(3)
    return float(np.random.default_rng().random())
