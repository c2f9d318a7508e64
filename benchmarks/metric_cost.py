"""What the suite costs beside the library calls underneath it, measured side by side in one process.

Run with OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1, as the scoring processes are.

Prints one JSON object: the ratio of `Metric.score` over all classic metrics to the sum of the plain library calls, and
the seconds that a fresh process takes until it has all of them for one pair of eight seconds.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from pesq import pesq
from pystoi import stoi

from codec_bench import load_codec, load_dataset, metric, read_audio
from codec_bench.audio import Audio, resample
from codec_bench.metrics.pitch import world
from codec_bench.metrics.signal import Recording

METRICS = ("pesq_wb", "stoi", "estoi", "si_sdr", "gpe", "vde", "ffe", "vuv_f1", "logf0_rmse", "logf0_corr", "mcd")
ROUNDS = 3


def pairs(count: int, seconds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Reference and decoded speech at 16 kHz, all of one length: sentences of the demo set one after the other."""
    codec = load_codec("opus@8000")
    recordings = [resample(read_audio(u.path), 16_000).samples for u in load_dataset("demo").utterances()]
    speech = np.concatenate(recordings)
    starts = np.linspace(0, len(speech) - seconds * 16_000, count).astype(int)
    found = []
    for start in starts:
        audio = Audio(np.ascontiguousarray(speech[start : start + seconds * 16_000]), 16_000)
        found.append((audio.samples, resample(codec.decode(codec.encode(audio)), 16_000).samples))
    return found


def libraries(reference: np.ndarray, decoded: np.ndarray) -> None:
    """The calls that nobody can do without: one of each per signal or pair."""
    pyworld = world()
    pesq(16_000, reference, decoded, "wb")
    left, right = reference.astype(np.float64), decoded.astype(np.float64)
    stoi(left, right, 16_000)
    stoi(left, right, 16_000, extended=True)
    for signal in (left, right):
        f0, times = pyworld.dio(signal, 16_000, frame_period=5.0)
        f0 = pyworld.stonemask(signal, f0, times, 16_000)
        pyworld.cheaptrick(signal, f0, times, 16_000)


def suite(reference: np.ndarray, decoded: np.ndarray) -> None:
    """All classic metrics through the seam that runs use."""
    left, right = (Recording(Audio(samples, 16_000)) for samples in (reference, decoded))
    for name in METRICS:
        score = metric(name).score(left, right)
        if score.value is None:
            raise SystemExit(f"{name}: {score.reason}")


def seconds(function: Callable[[np.ndarray, np.ndarray], None], data: list[tuple[np.ndarray, np.ndarray]]) -> float:
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
    result = {
        "benchmark": "metric cost over library calls",
        "ratio": round(float(np.median(ratios)), 3),
        "all": ratios,
        "first_pair_seconds": first(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
