"""Metrics against length: bins hold what they say, and pool as the table does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec_bench.reports.plots.lengths import FEWEST, MOST_BINS, length_bins
from tests.reports.plots.material import System, drawn, make_run, panel


@given(st.lists(st.floats(0.1, 700), min_size=0, max_size=200))
def test_every_utterance_is_in_exactly_one_bin(seconds: list[float]):
    lengths = {f"u{i}": s for i, s in enumerate(seconds)}
    bins = length_bins(lengths)
    assert sum(len(b.utterances) for b in bins) == (len(lengths) if bins else 0)
    assert len(bins) <= MOST_BINS
    for b in bins:
        assert len(b.utterances) >= FEWEST
        assert all(b.low <= lengths[u] < b.high for u in b.utterances)
    assert bins or len(lengths) < FEWEST


def test_values_are_pooled_over_the_utterances_of_a_length(tmp_path: Path):
    seconds = [1.2] * 6 + [4.4] * 6 + [9.0] * 12
    run = make_run(tmp_path, [System("a", 1.0), System("b", 2.0)], ["wer[toy]"], utterances=24, seconds=seconds)
    (axis,) = drawn(run, "lengths")["lengths_main_metrics"].figure.axes
    assert [t.get_text() for t in axis.get_xticklabels()] == ["< 1.5\nn=6", "1.5–5\nn=6", "≥ 5\nn=12"]
    (line,) = [c.lines[0] for c in axis.containers if c.get_label() == "a"]  # type: ignore[attr-defined]
    scores = run.scores[run.scores.system == "a"].sort_values("utterance")
    expected = [100 * part.numerator.sum() / part.denominator.sum() for part in (scores[:6], scores[6:12], scores[12:])]
    assert np.allclose(line.get_ydata(), expected)
    assert np.allclose(np.round(np.asarray(line.get_xdata(), float)), [0, 1, 2])


def test_intervals_need_two_speakers_and_hollow_points_say_what_is_missing(tmp_path: Path):
    seconds = [1.2] * 6 + [4.4] * 10
    systems = [System("a", 1.0, missing={"stoi": 4}), System("b", 2.0)]
    run = make_run(tmp_path, systems, ["stoi"], utterances=16, speakers=8, seconds=seconds)
    frame = run.scores.copy()
    few = frame.utterance.isin([f"u{i:02d}" for i in range(6)])
    frame.loc[few, "speaker"] = "s0"
    frame.to_parquet(tmp_path / "scores.parquet")
    fresh = type(run)(run.path, run.info)
    axis = panel(drawn(fresh, "lengths")["lengths_main_metrics"].figure, "STOI")
    bars = {c.get_label(): c.lines[2][0].get_segments() for c in axis.containers}  # type: ignore[attr-defined]
    heights = {name: [float(np.ptp(np.asarray(s)[:, 1])) for s in found] for name, found in bars.items()}
    assert heights["b"][0] == 0
    assert heights["b"][1] > 0
    hollow = [line for line in axis.get_lines() if line.get_markerfacecolor() == "white"]
    assert [round(float(line.get_xdata()[0])) for line in hollow] == [1]  # type: ignore[index]


def test_many_systems_are_shown_at_their_highest_bitrate(tmp_path: Path):
    systems = [System(f"c{i}@{r}", 0.5 * r + i) for i in range(4) for r in (1, 2, 3)]
    picture = drawn(make_run(tmp_path, systems, ["stoi"]), "lengths")["lengths_main_metrics"]
    assert sorted(t.get_text() for t in picture.figure.legends[0].get_texts()) == [f"c{i}@3" for i in range(4)]
    assert "highest bitrate" in picture.caption


@pytest.mark.parametrize("why", ["generated", "equal", "no file"])
def test_no_picture_without_lengths(tmp_path: Path, why: str):
    plan = {"generated": True} if why == "generated" else {}
    seconds = [3.2] * 12 if why == "equal" else None
    run = make_run(tmp_path, [System("a", 1.0)], ["stoi"], seconds=seconds, **plan)
    if why == "no file":
        (tmp_path / "reconstructions.csv").unlink()
    assert drawn(run, "lengths") == {}
