"""Whether a run is worse than another: paired differences, a gate, and stored baselines."""

from __future__ import annotations

from codec_bench.comparison.baseline import load_baseline, save_baseline
from codec_bench.comparison.compare import Comparison, MetricComparison, compare
from codec_bench.comparison.decision import Verdict
from codec_bench.comparison.gate import Gate, load_gate
from codec_bench.comparison.loading import load_measurements, measurements_of
from codec_bench.comparison.measurements import Measurements
from codec_bench.comparison.notebook import html

Comparison._repr_html_ = html  # type: ignore[attr-defined] # its words are made of comparisons, so they come later

__all__ = [
    "Comparison",
    "Gate",
    "Measurements",
    "MetricComparison",
    "Verdict",
    "compare",
    "load_baseline",
    "load_gate",
    "load_measurements",
    "measurements_of",
    "save_baseline",
]
