"""Signals that ask a process to end have their way, wherever the program is."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec_bench.audio import Audio, read_audio, write_wav
from codec_bench.faults import Stopped, contained
from codec_bench.stopping import NAMES, Terminated, stoppable


@pytest.fixture(autouse=True)
def fresh_signals() -> Iterator[None]:
    """Signals as a program begins with them: Ray leaves a handler in the process that tests share."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (getattr(signal, name) for name in NAMES)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


HEAD = """
import ctypes, os, signal, sys, threading, time, weakref
from codec_bench.stopping import stoppable
def tell(text):
    print(text, flush=True)
def wait():
    tell("ready")
    time.sleep(60)
"""

SWALLOWERS = {
    "a callback of C": """
compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda *_: time.sleep(60) or 0)
with stoppable():
    tell("ready")
    ctypes.CDLL(None).qsort((ctypes.c_int * 2)(1, 0), 2, 4, compare)
    time.sleep(60)
""",
    "a destructor": """
class Thing:
    def __del__(self):
        wait()
with stoppable():
    Thing()
    time.sleep(60)
""",
    "a plug-in": """
def plug_in():
    try:
        wait()
    except BaseException:
        pass
with stoppable():
    plug_in()
    threading.Event().wait(60)
""",
}


def started(script: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HEAD + script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.long
@pytest.mark.parametrize("script", SWALLOWERS.values(), ids=SWALLOWERS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_swallowed_is_raised_again(script: str, number: signal.Signals):
    process = started(script)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == (143 if number == signal.SIGTERM else -number), errors


TIDYING = """
with stoppable():
    try:
        wait()
    finally:
        time.sleep(1.5)
        try:
            raise KeyError
        except KeyError:
            time.sleep(0.6)
        tell("tidied up")
"""


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_tidying_up_is_not_disturbed_by_reminders_nor_by_the_same_signal_again(number: signal.Signals):
    process = started(TIDYING)
    for _ in range(3):  # as `timeout` does, and people who press Ctrl-C twice
        process.send_signal(number)
        time.sleep(0.05)
    told, errors = process.communicate(timeout=30)
    assert told == "tidied up\n", errors
    assert process.returncode == (143 if number == signal.SIGTERM else -number)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_insists_is_not_kept_waiting(number: signal.Signals):
    process = started("with stoppable():\n    try:\n        wait()\n    finally:\n        time.sleep(60)\n")
    process.send_signal(number)
    time.sleep(2.3)
    process.send_signal(number)
    assert process.wait(10) == -number


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_signals_of_batch_schedulers_are_told(name: str):
    number = getattr(signal, name)
    process = started("with stoppable():\n    wait()\n")
    process.send_signal(number)
    assert process.wait(30) == 128 + number


def test_a_recording_is_read_to_its_end_and_no_part_of_it_is_taken_for_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    write_wav(tmp_path / "a.wav", Audio(np.full(100_000, 0.5, np.float32), 16_000))
    calls = []

    class Signalled(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            calls.append(len(buffer))
            if len(calls) == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().readinto(buffer)

    monkeypatch.setattr("codec_bench.audio._Bytes", Signalled)
    with pytest.raises(Terminated), stoppable():
        pytest.fail(f"a signal was lost, and {read_audio(tmp_path / 'a.wav').seconds} s were read")
    assert sum(calls) > 400_000
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_plug_in_is_not_blamed_for_a_signal():
    with pytest.raises(Terminated), stoppable():
        contained(os.kill, os.getpid(), signal.SIGTERM)
    with pytest.raises(Stopped, match="SystemExit: 3"):
        contained(sys.exit, 3)
