"""Kills at random moments: is a run that is repeated equal to one that nobody disturbed, and is anything left running?

`python benchmarks/kill_and_resume.py [--kills 60] [--seed 0] [COMMAND ...]` takes `run`, `score`, `probe` and `tokens`
in turn, each with a fresh cache, and kills (SIGKILL) by turns the command itself and one of the processes that work for
it. It waits two seconds, looks for processes that are left, repeats the command, and compares all scores with those of
an undisturbed run to the last bit. Prints a table, one line per kind of kill. Linux alone: it reads /proc.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pandas as pd

import codec_bench

DEMO = Path(codec_bench.__file__).parent / "datasets" / "demo" / "audio"
MINE = "codec2@1200,opus@6000"
COMMANDS = {
    "run": ("run", "--codec", MINE, "--dataset", "demo", "--limit", "6", "--metrics", "stoi,si_sdr", "--jobs", "2"),
    "score": ("score", "--reference", str(DEMO), "--decoded", str(DEMO), "--metrics", "stoi,si_sdr", "--jobs", "2"),
    "probe": ("probe", "--codec", "codec2@1200", "--task", "sid", "--dataset", "demo", "--seeds", "1", "--jobs", "2"),
    "tokens": ("tokens", "--codec", "codec2@1200", "--dataset", "demo", "--limit", "6", "--lm-steps", "20"),
}
NO_REPORT = ("run", "score", "tokens")
TARGETS = ("main", "worker")
LEFT_SECONDS = 2.0


def command(kind: str, out: Path) -> list[str]:
    extra = ["--no-report"] if kind in NO_REPORT else []
    return [sys.executable, "-m", "codec_bench", *COMMANDS[kind], *extra, "--out", str(out)]


def environment(home: Path) -> dict[str, str]:
    return os.environ | {"CODEC_BENCH_HOME": str(home), "CODEC_BENCH_OFFLINE": "1"}


def processes(home: Path) -> dict[int, str]:
    """The command lines of all processes that belong to a run, by its caches; those that ended have none."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if f"CODEC_BENCH_HOME={home}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, ValueError):
            continue
    return found


def scores(out: Path) -> str:
    """All scores as text, to the last bit."""
    frame = pd.read_parquet(out / "scores.parquet").drop(columns="seconds", errors="ignore")
    return str(frame.to_csv(index=False, float_format="%r"))


def start(kind: str, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command(kind, folder / "out"), env=environment(folder / "home"), stdout=log, stderr=log, cwd=folder
        )


def kill_one(process: subprocess.Popen[bytes], home: Path, target: str, moment: float) -> bool:
    """Kills the command, or one process that works for it, after some seconds; whether there was one."""
    began = time.monotonic()
    while process.poll() is None:
        working = [pid for pid in processes(home) if pid != process.pid]
        if time.monotonic() - began >= moment and (target == "main" or working):
            os.kill(process.pid if target == "main" else random.choice(working), signal.SIGKILL)
            return True
        time.sleep(0.02)
    return False


def one(kind: str, target: str, seconds: float, wanted: str, folder: Path) -> Counter[str]:
    """One kill, and what came of it."""
    process = start(kind, folder)
    if not kill_one(process, folder / "home", target, random.uniform(0, seconds)):
        return Counter(too_late=1)
    process.wait()
    time.sleep(LEFT_SECONDS)
    left = processes(folder / "home")
    for pid, line in left.items():
        print(f"left by {kind}, {target}: {line}", file=sys.stderr)
        os.kill(pid, signal.SIGKILL)
    again = start(kind, folder).wait()
    equal = again == 0 and scores(folder / "out") == wanted
    if not equal:
        print(f"{kind}, {target}: {(folder / 'log').read_text()}", file=sys.stderr)
    went_on = target == "worker" and process.returncode == 0
    result = Counter(kills=1, went_on=went_on, left=len(left), equal=equal)
    print(kind, target, dict(result), file=sys.stderr, flush=True)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("commands", nargs="*", default=[*COMMANDS])
    asked = parser.parse_args()
    random.seed(asked.seed)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        undisturbed: dict[str, tuple[float, str]] = {}
        for kind in asked.commands:
            (root / kind).mkdir()
            began = time.monotonic()
            if start(kind, root / kind).wait():
                print((root / kind / "log").read_text(), file=sys.stderr)
                return 1
            undisturbed[kind] = time.monotonic() - began, scores(root / kind / "out")
        found = {(kind, target): Counter[str]() for kind in asked.commands for target in TARGETS}
        while (done := sum(count["kills"] for count in found.values())) < asked.kills:
            kind, target = [*found][done % len(found)]
            folder = root / "disturbed"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            found[kind, target] += one(kind, target, *undisturbed[kind], folder)
    print("| command | killed | kills | the run went on by itself | processes left after 2 s | equal when repeated |")
    print("|---|---|---|---|---|---|")
    for (kind, target), count in found.items():
        went_on = count["went_on"] if target == "worker" else "-"
        print(f"| `{kind}` | {target} | {count['kills']} | {went_on} | {count['left']} | {count['equal']} |")
    total = sum(found.values(), Counter())
    return int(total["left"] > 0 or total["equal"] < total["kills"])


if __name__ == "__main__":
    raise SystemExit(main())
