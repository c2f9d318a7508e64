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


HANGING = {
    "metric": ("--codec", "codec2@1200", "--metrics", "tests.reconstruction.hostile_metrics:hangs"),
    "codec": ("--codec", "tests.coding.misbehaving:Misbehaving@hang", "--metrics", "si_sdr"),
}


def working_for(home: Path) -> list[str]:
    """Command lines of the processes that have this home."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"CODEC_BENCH_HOME={home}\0".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue  # it has ended, or is somebody else's
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc")
@pytest.mark.parametrize("hanging", HANGING)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_hangs_is_not_waited_for(number: signal.Signals, hanging: str, tmp_path: Path):
    options = {"CODEC_BENCH_HOME": str(tmp_path / "home"), "HOSTILE_LOG": str(tmp_path / "log"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "codec_bench", "run", "--dataset", "demo", "--jobs", "1", "--no-report",
         "--out", str(tmp_path / "run"), *HANGING[hanging]],
        env=os.environ | options, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )  # fmt: skip
    until = time.monotonic() + 60
    while time.monotonic() < until and not (tmp_path / ("log" if hanging == "metric" else "run/run.json")).exists():
        time.sleep(0.05)
    time.sleep(5 if hanging == "codec" else 0)  # it has no log
    assert len(working_for(tmp_path / "home")) > 1
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors
    info = read_info(tmp_path / "run")
    assert info is not None
    assert info["status"] == "stopped"
    time.sleep(2)
    assert working_for(tmp_path / "home") == []
