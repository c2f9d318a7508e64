"""A small data set of real sentences, and runs on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import codec_bench
from codec_bench.runs.directory import Run

DEMO = Path(codec_bench.__file__).parent / "datasets" / "demo"
METRICS = ["pesq_wb", "stoi", "gpe", "si_sdr"]
CODECS = ["codec2@1200", "opus@6000", "test-lowpass@1000"]


@pytest.fixture(scope="session")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of six utterances by five speakers."""
    table = pd.read_csv(DEMO / "manifest.tsv", sep="\t").iloc[::4]
    table["path"] = [str(DEMO / p) for p in table["path"]]
    path = tmp_path_factory.mktemp("six") / "six.tsv"
    table.to_csv(path, sep="\t", index=False)
    return path


@pytest.fixture
def run_in(six: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Runs in a cache of the given name; the same name is the same cache."""

    def run(home: str = "home", **options: Any) -> Run:
        monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / home))
        given = {"codec": CODECS, "dataset": str(six), "metrics": METRICS, "jobs": 1, "report": False} | options
        given.setdefault("out", tmp_path / f"{home}-out")
        return codec_bench.run(**given)

    return run


def without_timing(run: Run) -> str:
    """The scores as text, exact to the last bit, without the column that measures time."""
    return run.scores.drop(columns="seconds").to_csv(index=False, float_format="%r")
