"""The benchmark of false alarms and power, on the parts that the project promises."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "compare_power.py"


@pytest.mark.slow
def test_false_alarms_are_rare_and_a_drop_of_a_twentieth_is_found():
    """200 equal pairs, and 200 with a true drop of 0.05 in PESQ, under the default limit of 0.03; seeds are fixed."""
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--no-audio", "--drops", "0,0.05"], check=True, capture_output=True, text=True
    )
    shares = {(s["noise"], s["pesq_wb_drop"]): s for s in json.loads(done.stdout)["simulated"]}
    assert {s["pairs"] for s in shares.values()} == {200}
    for noise in (1.0, 2.0):
        assert shares[noise, 0.0]["regression"] <= 0.05
        assert shares[noise, 0.0]["any_significant"] <= 0.05  # what the correction promises, without help by limits
        assert shares[noise, 0.05]["pesq_wb_regression"] >= 0.90
    assert shares[1.0, 0.0]["pass"] >= 0.95
