"""What a comparison reads of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

import codec_bench
from codec_bench.comparison.loading import measurements_of


@pytest.mark.long
def test_a_value_of_the_whole_set_is_not_paired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / "home"))
    metrics = ["si_sdr", "fad[resemblyzer]"]
    run = codec_bench.run("codec2@3200", "demo", metrics=metrics, limit=1, jobs=1, out=tmp_path / "run", report=False)
    assert set(run.metrics) == set(metrics)
    found = measurements_of(run)
    assert set(found.columns) == {"si_sdr"}
    assert all(set(scores) == {"si_sdr"} for scores in found.scores.values())
