"""Resident memory of a process and of everything that it has started, from /proc."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")


def problem() -> str:
    """Why memory cannot be measured here; empty if it can."""
    if not (PROC / "self" / "status").is_file() or _field(os.getpid(), "VmHWM") is None:
        return "the peak of memory is read from /proc, which this system does not have: use Linux"
    return ""


def resident(process: int) -> int:
    """Bytes that a process and its descendants hold in memory now; pages that they share are counted for each."""
    return sum(_field(pid, "VmRSS") or 0 for pid in _tree(process))


def peak(process: int) -> int:
    """The most bytes since `reset_peak`, or since they began: the sum over a process and its descendants, whose peaks
    need not have been at the same time.
    """
    return sum(_field(pid, "VmHWM") or 0 for pid in _tree(process))


def reset_peak(process: int) -> bool:
    """Begins a new peak at what is resident now; False where the system does not allow it."""
    for pid in _tree(process):
        try:
            (PROC / str(pid) / "clear_refs").write_text("5")
        except (FileNotFoundError, ProcessLookupError):  # it has ended; its peak is not needed
            continue
        except OSError:
            return False
    return True


def _tree(process: int) -> list[int]:
    """A process and all of its descendants that are running."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (parent := _field(int(entry.name), "PPid")) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found = [process]
    for pid in found:
        found += children.get(pid, [])
    return found


def _field(pid: int, name: str) -> int | None:
    """A number of a process's status, kB as bytes; None if the process is gone or has no such entry."""
    try:
        text = (PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(f"{name}:"):
            value, *unit = line.partition(":")[2].split()
            return int(value) * (1024 if unit == ["kB"] else 1)
    return None
