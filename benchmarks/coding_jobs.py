"""What several coding processes gain for a neural codec on a CPU, and how much coding and scoring overlap in a run.

A codec of EnCodec's size with random weights, on files of four seconds. Two coding processes are held against one that
has as many threads as each of the two: what 36 files take, less what 12 take, for the second process starts while the
first one works already. The overlap is the wall time of a run over the longer of coding alone and scoring alone, each
with the processes that the run has for it; what a run of one file takes is taken off all three. All are measured in
turns, of which the median counts.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from limits import Limit, publish
from material import manifest

CODEC = "encodec_sized:EncodecSized"
SECONDS, ROUNDS = 4, 3
STEADY, ALL = (12, 36), (1, 16)
QUICK, SCORING = ["si_sdr"], ["pesq_wb", "stoi", "estoi", "gpe", "mcd"]


def main() -> None:
    """Measures in processes of their own, since the number of threads is settled at the first import of torch."""
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(**json.loads(sys.argv[2]))))
        return
    with tempfile.TemporaryDirectory() as name:
        data = str(manifest(Path(name), max(STEADY + ALL), SECONDS))

        def seconds(
            files: tuple[int, int], coding_jobs: int, metrics: list[str], threads: int | None = None, home: str = ""
        ) -> float:
            options = {"data": data, "files": files, "coding_jobs": coding_jobs, "metrics": metrics, "home": home}
            environment = {"OMP_NUM_THREADS": str(threads)} if threads else {}
            done = subprocess.run(
                [sys.executable, __file__, "--measure", json.dumps(options)],
                env=os.environ | environment, check=True, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            return float(done.stdout.splitlines()[-1])

        rounds = []
        for number in range(ROUNDS):
            home = str(Path(name, f"home{number}"))
            rounds.append(
                {
                    "one": seconds(STEADY, 1, QUICK, 1),
                    "two": seconds(STEADY, 2, QUICK),
                    "coding": seconds(ALL, 1, QUICK, 1, home),
                    "scoring": seconds(ALL, 1, SCORING, 1, home),
                    "run": seconds(ALL, 1, SCORING, 1),
                }
            )
    gains = [taken["one"] / taken["two"] for taken in rounds]
    overlaps = [taken["run"] / max(taken["coding"], taken["scoring"]) for taken in rounds]
    limits = [
        Limit("two coding processes over one, a thread each", statistics.median(gains), 1.7, at_least=True),
        Limit("wall time of a run over the longer of coding and scoring", statistics.median(overlaps), 1.1),
    ]
    publish("coding processes", limits, seconds=rounds)


def measure(data: str, files: tuple[int, int], coding_jobs: int, metrics: list[str], home: str) -> float:
    """Wall seconds of a run of the larger number of files, less those of a run of the smaller one in another home.

    With a `home` what was decoded there before is not decoded again.
    """
    from codec_bench import run

    with tempfile.TemporaryDirectory() as name:
        taken = []
        for limit in files:
            os.environ["CODEC_BENCH_HOME"] = home if home and limit == max(files) else str(Path(name, f"home{limit}"))
            started = time.perf_counter()
            run(
                CODEC, data, metrics=metrics, limit=limit, coding_jobs=coding_jobs, jobs=1, device="cpu",
                ground_truth=False, report=False, out=Path(name, f"run{limit}"),
            )  # fmt: skip
            taken.append(time.perf_counter() - started)
        return taken[1] - taken[0]


if __name__ == "__main__":
    main()
