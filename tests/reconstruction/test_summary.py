"""What a run directory keeps of an outcome."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from codec_bench.metrics import metric
from codec_bench.reconstruction import summary
from codec_bench.reconstruction.summary import _heard_levels
from codec_bench.runs.directory import Run
from tests.small_runs import without_timing


@pytest.mark.long
def test_scores_are_the_same_however_many_are_put_together_at_a_time(
    run_in: Callable[..., Run], six: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    table = pd.read_csv(six, sep="\t").sort_values("id")
    table.loc[table.index[:2], "speaker"] = None  # the first block knows no speaker, the others do
    manifest = tmp_path / "some.tsv"
    table.to_csv(manifest, sep="\t", index=False)
    options = {"dataset": str(manifest), "metrics": ["si_sdr", "mel_distance"], "speed": True}
    whole = run_in(**options, out=tmp_path / "whole")
    monkeypatch.setattr(summary, "BLOCK", 2)
    parts = run_in(**options, out=tmp_path / "parts")
    assert pq.ParquetFile(whole.path / "scores.parquet").num_row_groups == len(whole.systems)
    assert pq.ParquetFile(parts.path / "scores.parquet").num_row_groups == 3 * len(whole.systems)
    assert without_timing(parts) == without_timing(whole)
    assert parts.scores.speaker[:2].isna().all()
    assert parts.scores.speaker.notna().sum() == len(parts.scores) * 4 // 6


def test_secs_of_another_level_is_told_with_the_rows():
    plan: Any = SimpleNamespace(metrics=[metric("secs"), metric("stoi")])
    means = {"quiet": {"reference": -20.0, "decoded": -32.0}, "same": {"reference": -20.0, "decoded": -20.5}}
    (said,) = _heard_levels(plan, means)
    assert said.startswith("secs is lower where levels differ") and said.endswith("quiet -12 dB")
    plan.metrics.pop(0)
    assert _heard_levels(plan, means) == []
