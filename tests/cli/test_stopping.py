"""A command of any kind that is asked to end says so in its run directory, and goes on when it is repeated."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codec_bench.errors import UsageError
from codec_bench.runs.directory import load_run, read_info

COMMANDS = {
    "reconstruction": ("run", "--dataset", "demo", "--metrics", "stoi,pesq_wb", "--jobs", "1", "--no-report"),
    "tokens": ("tokens", "--dataset", "demo", "--map", "pca", "--no-report"),
    "speed": ("speed", "--seconds", "10", "--repeats", "20", "--no-report"),
    "probe": ("probe", "--dataset", "demo", "--task", "sid", "--jobs", "1"),
}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_of_any_kind_says_so(number: signal.Signals, tmp_path: Path):
    environment = os.environ | {"CODEC_BENCH_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    started = {
        kind: subprocess.Popen(
            [sys.executable, "-m", "codec_bench", *command, "--codec", "codec2@1200", "--out", str(tmp_path / kind)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        )
        for kind, command in COMMANDS.items()
    }
    waiting, until = dict(started), time.monotonic() + 120
    while waiting and time.monotonic() < until:
        for kind in [kind for kind in waiting if (tmp_path / kind / "run.json").exists()]:
            waiting.pop(kind).send_signal(number)
        time.sleep(0.01)
    for kind, process in started.items():
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 128 + number, (kind, errors)
        info = read_info(tmp_path / kind)
        assert info is not None
        reason = "interrupted" if number == signal.SIGINT else "terminated by SIGTERM"
        assert (info["kind"], info["status"], info["sessions"][-1]["stopped"]) == (kind, "stopped", reason)
        with pytest.raises(UsageError, match=rf"not finished \({reason}\): repeat its command"):
            load_run(tmp_path / kind)
