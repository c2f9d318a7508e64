"""How much faster two scoring processes are than one, measured in turns on fresh caches. Prints one JSON object."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from limits import Limit, publish

from codec_bench import run

ROUNDS = 2
CODECS = [
    "codec2@3200", "codec2@2400", "codec2@1600", "codec2@1200", "opus@6000", "opus@8000", "opus@12000", "opus@16000",
    "opus@24000", "amr-nb@4750", "amr-nb@12200", "gsm",
]  # fmt: skip
METRICS = ["pesq_wb", "pesq_nb", "stoi", "estoi", "gpe", "mcd", "secs"]


def seconds(jobs: int, folder: Path) -> tuple[float, float]:
    """Wall time of scoring after decoding was done by an earlier run in the same cache, and what of it is start-up.

    Start-up is what a run of one utterance takes: processes, imports and models, which more work does not make longer.
    """
    os.environ["CODEC_BENCH_HOME"] = str(folder / "home")
    options = {"dataset": "demo", "jobs": jobs, "report": False}
    run(CODECS, metrics=["si_sdr"], out=folder / "decoded", **options)
    started = time.perf_counter()
    run(CODECS, metrics=METRICS, out=folder / "scored", **options)
    whole = time.perf_counter() - started
    os.environ["CODEC_BENCH_HOME"] = str(folder / "other")
    started = time.perf_counter()
    run(CODECS[:1], metrics=METRICS, limit=1, ground_truth=False, out=folder / "first", **options)
    return whole, time.perf_counter() - started


def main() -> None:
    """Measures one and two workers in turns."""
    whole, scoring = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            (first, first_start), (second, second_start) = seconds(1, Path(one)), seconds(2, Path(two))
            whole.append(first / second)
            scoring.append((first - first_start) / (second - second_start))
    ratio = Limit("two scoring processes over one", statistics.median(scoring), 1.7, at_least=True)
    publish("two workers over one", [ratio], with_start_up=round(statistics.median(whole), 2), all=scoring)


if __name__ == "__main__":
    main()
