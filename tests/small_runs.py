"""What tests of runs share: the demo set's folder, what a small run is made of, and how its scores are compared."""

from __future__ import annotations

from pathlib import Path

import codec_bench
from codec_bench.runs.directory import Run

DEMO = Path(codec_bench.__file__).parent / "datasets" / "demo"
METRICS = ["stoi", "gpe", "si_sdr", "mel_distance"]
CODECS = ["codec2@1200", "opus@6000", "test-lowpass@1000"]


def without_timing(run: Run) -> str:
    """The scores as text, exact to the last bit, without the column that measures time."""
    return run.scores.drop(columns="seconds").to_csv(index=False, float_format="%r")
