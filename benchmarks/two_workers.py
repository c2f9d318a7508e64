"""How much faster two scoring processes are than one, measured in turns on fresh caches. Prints one JSON object."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from codec_bench import run

ROUNDS = 3
METRICS = ["pesq_wb", "pesq_nb", "stoi", "estoi", "gpe", "mcd", "secs"]


def seconds(jobs: int, folder: Path) -> float:
    """Wall time that scoring takes, after decoding has been done by an earlier run in the same cache."""
    os.environ["CODEC_BENCH_HOME"] = str(folder / "home")
    options = {"codec": ["codec2@3200", "opus@8000"], "dataset": "demo", "jobs": jobs, "report": False}
    run(metrics=["si_sdr"], out=folder / "decoded", **options)
    started = time.perf_counter()
    run(metrics=METRICS, out=folder / "scored", **options)
    return time.perf_counter() - started


def main() -> None:
    """Measures one and two workers in turns."""
    ratios = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            ratios.append(seconds(1, Path(one)) / seconds(2, Path(two)))
    result = {"benchmark": "two workers over one", "ratio": round(statistics.median(ratios), 2), "all": ratios}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
