"""What several coding processes gain for a neural codec on a CPU, and how much coding and scoring overlap in a run.

A codec of EnCodec's size with random weights, on files of four seconds. Two coding processes are held against one that
has as many threads as each of the two, and against one with all cores; what a run of one file takes (start, imports,
loading) is taken off both. The overlap is the wall time of a run over the longer of coding alone and scoring alone,
each with the processes that the run has for it. All are measured in turns, of which the median counts.
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
FILES, SECONDS, ROUNDS = 16, 4, 3
QUICK, SCORING = ["si_sdr"], ["pesq_wb", "stoi", "estoi", "gpe", "mcd"]


def main() -> None:
    """Measures in processes of their own, since the number of threads is settled at the first import of torch."""
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(**json.loads(sys.argv[2]))))
        return
    with tempfile.TemporaryDirectory() as name:
        data = str(manifest(Path(name), FILES, SECONDS))

        def seconds(coding_jobs: int, metrics: list[str], threads: int | None = None, home: str = "") -> float:
            options = {"data": data, "coding_jobs": coding_jobs, "metrics": metrics, "home": home}
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
                    "one": seconds(1, QUICK, 1),
                    "two": seconds(2, QUICK),
                    "all cores": seconds(1, QUICK),
                    "coding": seconds(1, QUICK, 1, home),
                    "scoring": seconds(1, SCORING, 1, home),
                    "run": seconds(1, SCORING, 1),
                }
            )
    gains = [taken["one"] / taken["two"] for taken in rounds]
    overlaps = [taken["run"] / max(taken["coding"], taken["scoring"]) for taken in rounds]
    limits = [
        Limit("two coding processes over one, a thread each", statistics.median(gains), 1.7, at_least=True),
        Limit("wall time of a run over the longer of coding and scoring", statistics.median(overlaps), 1.1),
    ]
    on_all_cores = statistics.median(taken["all cores"] / taken["two"] for taken in rounds)
    publish("coding processes", limits, two_over_one_on_all_cores=round(on_all_cores, 2), seconds=rounds)


def measure(data: str, coding_jobs: int, metrics: list[str], home: str) -> float:
    """Wall seconds of a run, less those of a run of its first file in another home.

    With a `home` what was decoded there before is not decoded again.
    """
    from codec_bench import run

    with tempfile.TemporaryDirectory() as name:
        taken = []
        for limit in (1, None):
            os.environ["CODEC_BENCH_HOME"] = home if home and limit is None else str(Path(name, f"home{limit}"))
            started = time.perf_counter()
            run(
                CODEC, data, metrics=metrics, limit=limit, coding_jobs=coding_jobs, jobs=1, device="cpu",
                ground_truth=False, report=False, out=Path(name, f"run{limit}"),
            )  # fmt: skip
            taken.append(time.perf_counter() - started)
        return taken[1] - taken[0]


if __name__ == "__main__":
    main()
