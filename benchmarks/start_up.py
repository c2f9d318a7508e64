"""What people wait for before anything is computed: the import, a listing, and a run of which all is in the cache.

Each in a process of its own, the median of three. The plain import of NumPy, pandas and SciPy, which nobody can do
without, is measured beside them, since machines differ.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from limits import Limit, publish

UTTERANCES, SPEAKERS, RATE = 500, 40, 16_000
SYSTEMS = "codec2@3200,opus@6000,gsm"
METRICS = "si_sdr,mel_distance,stft_distance"


def seconds(arguments: list[str], folder: Path, rounds: int = 3) -> float:
    """Median wall time of a command."""
    environment = os.environ | {"CODEC_BENCH_HOME": str(folder / "home")}
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run(arguments, check=True, cwd=folder, env=environment, capture_output=True)
        times.append(time.perf_counter() - started)
    return round(statistics.median(times), 3)


def make_dataset(folder: Path) -> Path:
    """Half a second of a noisy tone per utterance: what is measured is not the scoring."""
    noise = np.random.default_rng(0)
    times = np.arange(RATE // 2) / RATE
    rows = ["id\tpath\tspeaker"]
    for index in range(UTTERANCES):
        samples = 0.2 * np.sin(2 * np.pi * (150 + index / 10) * times) + 0.01 * noise.normal(size=len(times))
        soundfile.write(folder / f"u{index:04d}.wav", samples, RATE)
        rows.append(f"u{index:04d}\tu{index:04d}.wav\ts{index % SPEAKERS}")
    manifest = folder / "many.tsv"
    manifest.write_text("\n".join(rows) + "\n")
    return manifest


def main() -> None:
    """Measures all of them in turn."""
    python, tool = sys.executable, [sys.executable, "-m", "codec_bench"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = [*tool, "run", "--codec", SYSTEMS, "--no-ground-truth", "--dataset", str(make_dataset(folder))]
        run += ["--metrics", METRICS, "--out", "run", "--no-report"]
        seconds(run, folder, rounds=1)
        bare = seconds([python, "-c", ""], folder)
        publish(
            "start-up",
            [
                Limit("codec-bench --help", seconds([*tool, "--help"], folder), 0.25, "s"),
                Limit("codec-bench list codecs", seconds([*tool, "list", "codecs"], folder), 0.3, "s"),
                Limit(f"cached run, {UTTERANCES} utterances x 3 systems x 3 metrics", seconds(run, folder), 1.0, "s"),
            ],
            seconds={
                "python": bare,
                "numpy, pandas, scipy": seconds([python, "-c", "import numpy, pandas, scipy.signal"], folder),
                "import codec_bench": round(seconds([python, "-c", "import codec_bench"], folder) - bare, 3),
            },
        )


if __name__ == "__main__":
    main()
