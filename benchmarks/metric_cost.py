"""What the suite costs beside the library calls underneath it, measured side by side in one process.

Run with OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1, as the scoring processes are.

Prints one JSON object: the ratio of `Metric.score` over all classic metrics to the sum of the plain library calls, and
the seconds that a fresh process takes until it has all of them for one pair of eight seconds.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from limits import Limit, publish
from material import pairs
from pesq import pesq
from pystoi import stoi

from codec_bench import metric
from codec_bench.audio import Audio
from codec_bench.metrics.pitch import world
from codec_bench.metrics.signal import Recording

METRICS = ("pesq_wb", "stoi", "estoi", "si_sdr", "gpe", "vde", "ffe", "vuv_f1", "logf0_rmse", "logf0_corr", "mcd")
ROUNDS = 3


def libraries(reference: Audio, decoded: Audio) -> None:
    """The calls that nobody can do without: one of each per signal or pair."""
    pyworld = world()
    pesq(16_000, reference.samples, decoded.samples, "wb")
    left, right = reference.samples.astype(np.float64), decoded.samples.astype(np.float64)
    stoi(left, right, 16_000)
    stoi(left, right, 16_000, extended=True)
    for signal in (left, right):
        f0, times = pyworld.dio(signal, 16_000, frame_period=5.0)
        f0 = pyworld.stonemask(signal, f0, times, 16_000)
        pyworld.cheaptrick(signal, f0, times, 16_000)


def suite(reference: Audio, decoded: Audio) -> None:
    """All classic metrics through the seam that runs use."""
    left, right = Recording(reference), Recording(decoded)
    for name in METRICS:
        score = metric(name).score(left, right)
        if score.value is None:
            raise SystemExit(f"{name}: {score.reason}")


def seconds(function: Callable[[Audio, Audio], None], data: list[tuple[Audio, Audio]]) -> float:
    """CPU seconds of one pass over the data."""
    started = time.process_time()
    for reference, decoded in data:
        function(reference, decoded)
    return time.process_time() - started


def first() -> float:
    """Wall time of a process of its own that scores one pair, its start included; the median of three."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        subprocess.run([sys.executable, __file__, "--first"], check=True)
        times.append(time.perf_counter() - started)
    return round(statistics.median(times), 2)


def main() -> None:
    """Measures in turns, so that a machine whose speed drifts does not favour one side."""
    if "--first" in sys.argv:
        suite(*pairs(1, 8)[0])
        return
    data = pairs(20, 8)
    for function in (libraries, suite):
        seconds(function, data[:1])
    ratios = [seconds(suite, data) / seconds(libraries, data) for _ in range(ROUNDS)]
    ratio = Limit("classic metrics over the library calls underneath them", float(np.median(ratios)), 1.6)
    publish("metric cost over library calls", [ratio], all=ratios, first_pair_seconds=first())


if __name__ == "__main__":
    main()
