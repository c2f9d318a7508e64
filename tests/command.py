"""`codec-bench` as users have it, and as its script runs it in the process of the tests, which has imported it all."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from codec_bench.adapters import CODECS
from codec_bench.cli import main
from codec_bench.datasets import DATASETS
from codec_bench.metrics import METRICS

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
COMMAND = str(Path(sys.executable).with_name("codec-bench"))
"""The command as it was installed."""


def user_environment(folder: Path) -> dict[str, str]:
    """What a user's shell holds who set nothing, but for caches in a folder and a recogniser that nobody downloads."""
    ours = "CODEC_BENCH_NO_VERIFY"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON") and name != ours}
    return kept | {"CODEC_BENCH_HOME": str(folder / "home")}


def user(folder: Path, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """How the installed command ends that a user types in a folder; arguments are those of `run_command`."""
    return subprocess.run(
        [COMMAND, *map(str, arguments)], check=False, capture_output=True, text=True, cwd=folder, timeout=280,
        env=user_environment(folder) | environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def run_command(folder: Path, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """How a command ends that is called in a folder, which also holds the caches.

    Args:
        folder: The working folder.
        arguments: What follows `codec-bench`.
        environment: Variables besides those that are there.
    """
    command = ["codec-bench", *map(str, arguments)]
    out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    log, level = logging.getLogger("codec_bench"), logging.getLogger("codec_bench").level
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        for name, value in ({"CODEC_BENCH_HOME": str(folder / "home")} | environment).items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", command)
        patch.setattr(sys, "path", [*sys.path])
        for registry in (CODECS, DATASETS, METRICS):  # a process of its own knows no plug-ins of other tests
            patch.setattr(registry, "_loaded", {})
        patch.setattr(sys, "stdin", io.StringIO())
        # pytest's own handlers would keep the command from writing what it logs.
        patch.setattr(logging.getLogger(), "handlers", [])
        with pytest.raises(SystemExit) as ended:
            main()
    log.setLevel(level)
    texts = []
    for stream in (out, err):
        stream.seek(0)
        texts.append(stream.read())
    assert isinstance(ended.value.code, int)
    return subprocess.CompletedProcess(command, ended.value.code, *texts)


def check_refused(done: subprocess.CompletedProcess[str], message: str) -> None:
    """Fails unless a command ended with 2, and said why in one line on standard error alone."""
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert message in done.stderr
