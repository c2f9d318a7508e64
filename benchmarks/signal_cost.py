"""What a whole run costs per pair in bare calls of the pesq package: processes, reading, resampling and metrics.

Files of eight seconds, scored by `codec-bench score` with PESQ, STOI, ESTOI, SI-SDR, GPE and MCD: its CPU time with
that of all its processes, over the CPU time of `pesq.pesq` on the same samples.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from limits import Limit, publish
from material import RATE, pairs
from pesq import pesq

from codec_bench.audio import Audio

METRICS = "pesq_wb,stoi,estoi,si_sdr,gpe,mcd"
PAIRS, SECONDS, ROUNDS = 32, 8, 3


def cpu() -> float:
    """CPU seconds of the processes that this one started and that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def scored(data: list[tuple[Audio, Audio]]) -> float:
    """CPU seconds of a command that scores pairs of files, with an empty cache."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side in ("reference", "decoded"):
            (folder / side).mkdir()
        for number, (reference, decoded) in enumerate(data):
            soundfile.write(folder / f"reference/s{number:03d}.wav", reference.samples, RATE, subtype="PCM_16")
            soundfile.write(folder / f"decoded/s{number:03d}.wav", decoded.samples, RATE, subtype="PCM_16")
        started = cpu()
        subprocess.run(
            [sys.executable, "-m", "codec_bench", "score", "--reference", "reference", "--decoded", "decoded",
             "--metrics", METRICS, "--no-ground-truth", "--no-report", "--jobs", "1", "--out", "run"],
            check=True, cwd=folder, env=os.environ | {"CODEC_BENCH_HOME": str(folder / "home")}, capture_output=True,
        )  # fmt: skip
        return cpu() - started


def bare(data: list[tuple[Audio, Audio]]) -> float:
    """CPU seconds of the package's own function on the same pairs, in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--bare"], check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout))


def main() -> None:
    """Measures in turns."""
    data = pairs(PAIRS, SECONDS)
    if "--bare" in sys.argv:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        for reference, decoded in data:
            pesq(RATE, reference.samples, decoded.samples, "wb")
        print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_utime - before))
        return
    calls, whole, marginal = [], [], []
    for _ in range(ROUNDS):
        one, all_of_them, library = scored(data[:1]), scored(data), bare(data) / PAIRS
        whole.append(all_of_them / PAIRS / library)
        marginal.append((all_of_them - one) / (PAIRS - 1) / library)
        calls.append(library)
    limit = Limit("a scored pair of 8 s in bare calls of pesq, start-up included", float(np.median(whole)), 4.3)
    publish(
        "signal metrics over the pesq package", [limit], without_start_up=round(float(np.median(marginal)), 2),
        pesq_seconds=round(float(np.median(calls)), 4), all=whole,
    )  # fmt: skip


if __name__ == "__main__":
    main()
