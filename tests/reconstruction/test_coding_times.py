"""`run --speed`: the times that coding took as columns."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import codec_bench
from codec_bench.adapters.systems import parse_systems
from codec_bench.cache import ArrayCache
from codec_bench.coding.items import resolve_items
from codec_bench.coding.local import local_dispatcher
from codec_bench.coding.rows import Row
from codec_bench.coding.signals import load_made
from codec_bench.errors import UsageError
from codec_bench.reports.table import build_table
from codec_bench.runs.directory import Run
from codec_bench.testing.codecs import Identity

OPTIONS: dict[str, Any] = {"codec": ["codec2@1200", "test-failing@3"], "metrics": ["si_sdr"], "max_failed": 1.0}


def test_they_are_medians_of_what_the_run_kept(run_in: Callable[..., Run]):
    run = run_in(**OPTIONS, speed=True)
    kept = pd.read_csv(run.path / "reconstructions.csv").dropna(subset="decode_seconds")
    for label, fact in (("rtf_encode", "encode_seconds"), ("rtf_decode", "decode_seconds")):
        rows = run.summary[run.summary.metric == label].set_index("system")
        for system in ("codec2@1200", "test-failing@3"):
            mine = kept[kept.system == system]
            assert rows.loc[system].value == pytest.approx(np.median(mine[fact] / mine.coded_seconds))
            assert (rows.loc[system].n, rows.loc[system].n_expected) == (len(mine), 6)
        assert 0 < rows.loc["test-failing@3"].n < 6
        assert (rows.loc["ground-truth"].n, rows.loc["ground-truth"].n_expected) == (0, 0)
        scored = run.scores[(run.scores.metric == label) & (run.scores.system == "test-failing@3")]
        assert set(scored.status) == {"ok", "encode_failed"}
        assert scored[scored.status != "ok"].reason.str.contains("this is one of them").all()
    assert run.scores.equals(run.scores.sort_values(["system", "utterance", "metric"], ignore_index=True))
    assert "Coding times" in [title for title, _ in build_table(run).blocks]


def test_a_run_without_them_is_what_it_was_and_can_be_added_to(run_in: Callable[..., Run], tmp_path: Path):
    without = run_in(**OPTIONS, out=tmp_path / "out")
    assert set(without.summary.metric) == {"si_sdr"}
    before = without.scores
    added = codec_bench.run(**without.info["config"] | {"speed": True, "out": tmp_path / "out"})
    pd.testing.assert_frame_equal(added.scores[added.scores.metric == "si_sdr"].reset_index(drop=True), before)
    with pytest.raises(UsageError, match="metric rtf_encode"):
        run_in(**OPTIONS, out=tmp_path / "out")


class SlowToLoad(Identity):
    """Takes a second to load."""

    name = "test-slow-to-load"

    def load(self, device: str = "cpu") -> None:
        time.sleep(1)


@pytest.mark.long
def test_loading_is_no_decoding(tmp_path: Path):
    item = resolve_items(codec_bench.load_dataset("demo", limit=1), []).items[0]
    (system,) = parse_systems([f"{__name__}:SlowToLoad"])
    coding = local_dispatcher(tmp_path, "cpu")
    coding.codes(Row(system), item)
    coding.close()
    coding.audio(Row(system), item)  # the code is in the cache, no model loaded
    reconstructor = coding.reconstructor
    facts = reconstructor.facts(Row(system), item)
    sources = reconstructor.sources(Row(system), item, "", reconstructor.identity(Row(system), item))
    _, made = load_made(sources["decoded"], ArrayCache(tmp_path / "audio"))
    coding.close()
    assert facts["encode_seconds"] < 0.5
    assert made["decode_seconds"] < 0.5
