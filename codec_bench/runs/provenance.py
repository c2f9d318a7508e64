"""Where a number came from: versions, commit, command, machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import requires
from pathlib import Path
from typing import Any

from codec_bench.audio import RESAMPLER
from codec_bench.fingerprint import package_versions
from codec_bench.version import __version__

_FURTHER_PACKAGES = ("ai-edge-litert", "lc3py", "praat-parselmouth", "librosa", "webrtcvad")


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def collect() -> dict[str, Any]:
    """Facts about the program and the machine that a reader of `run.json` needs to repeat the run."""
    return {
        "codec_bench": __version__,
        "git": _git_state(),
        "command": sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "packages": package_versions([*_core_packages(), *_FURTHER_PACKAGES]),
        "resampler": RESAMPLER,
        "channels": "several channels are averaged",
        "threads_per_worker": 1,
    }


def _git_state() -> dict[str, Any] | None:
    """Commit and dirty flag of the checkout that the program runs from; None for an installed package."""
    here = Path(__file__).resolve()

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(here.parent), *arguments],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", here.name)
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _core_packages() -> list[str]:
    names = [line.partition(";")[0] for line in requires("codec-bench") or () if "extra ==" not in line]
    return sorted({"".join(c if c.isalnum() or c in "-_." else " " for c in name).split()[0] for name in names})


def _cpu_name() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    lines = (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    return next(lines, platform.processor())
