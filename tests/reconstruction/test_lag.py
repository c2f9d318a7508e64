"""Facts belong to pairs, and decoded audio that is late is noticed, and aligned on request."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

import codec_bench
from codec_bench.errors import UsageError
from codec_bench.runs.directory import Run
from tests.command import Cli
from tests.small_runs import DEMO, without_timing

PLUGINS = [str(Path(__file__).parent / "engine_plugins"), str(Path(__file__).parent)]
LATE = 1024
"""Samples at 16 kHz: 64 ms, the case of the ADTS files whose priming no header tells."""

Score = Callable[..., Run]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sentences (`ref`), 64 ms late (`late`), one of them late (`mixed`), and late and then cut by hand (`cut`)."""
    root = tmp_path_factory.mktemp("folders")
    for folder in ("ref", "late", "mixed", "cut"):
        (root / folder).mkdir()
    for name in ("rms-01", "slt-02"):
        samples, rate = soundfile.read(DEMO / "audio" / f"{name}.flac", dtype="float32")
        zeros = np.zeros(LATE, np.float32)
        late = np.concatenate([zeros, samples])[: len(samples)]
        mixed, cut = late if name == "rms-01" else samples, np.concatenate([late[LATE:], zeros])
        for folder, signal in (("ref", samples), ("late", late), ("mixed", mixed), ("cut", cut)):
            soundfile.write(root / folder / f"{name}.wav", signal, rate, subtype="FLOAT")
    return root


@pytest.fixture
def score(folders: Path, tmp_path: Path) -> Score:
    """Scores a folder against the sentences."""

    def run(decoded: str | Path = "late", reference: str | Path = "ref", **options: Any) -> Run:
        given = {"metrics": ["si_sdr", "stoi"], "jobs": 1, "report": False, "ground_truth": False} | options
        given.setdefault("out", tmp_path / f"out{len(list(tmp_path.iterdir()))}")
        return codec_bench.run(
            codec=[{"files": str(folders / decoded), "name": "mine"}], dataset=str(folders / reference), **given
        )

    return run


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plug-ins of tests of engines can be found."""
    monkeypatch.setenv("HEAVY_LOG", str(tmp_path / "log"))
    for folder in PLUGINS:
        monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(PLUGINS))


def pairs_of(run: Run) -> pd.DataFrame:
    """`reconstructions.csv`."""
    return pd.read_csv(run.path / "reconstructions.csv")


def test_audio_that_is_compared_with_two_recordings_keeps_the_facts_of_each(score: Score, folders: Path):
    """Scoring a folder against A, B, A gave the third run B's lengths and lost its warning."""
    (folders / "short").mkdir()
    for path in (folders / "ref").iterdir():
        samples, rate = soundfile.read(path, dtype="float32")
        soundfile.write(folders / "short" / path.name, 0.01 * samples[: -rate // 5], rate, subtype="FLOAT")
    runs = [score("late", reference) for reference in ("ref", "short", "ref")]
    first, second, third = (pairs_of(run) for run in runs)
    assert (first["reference_samples"] - second["reference_samples"]).tolist() == [3200, 3200]
    pd.testing.assert_frame_equal(third, first)
    assert runs[2].info["lengths"] == runs[0].info["lengths"] != runs[1].info["lengths"]
    assert runs[2].info["levels"] == runs[0].info["levels"] != runs[1].info["levels"]
    assert runs[2].info["warnings"] == runs[0].info["warnings"] != runs[1].info["warnings"]
    assert "differ by up to 0.20 s in length" in " ".join(runs[1].info["warnings"])
    assert "40 dB louder" in " ".join(runs[1].info["warnings"])
    assert [run.info["sessions"][-1]["scores_computed"] for run in runs] == [4, 4, 0]


def test_facts_that_a_store_has_of_another_pair_are_not_taken(score: Score, folders: Path, tmp_path: Path):
    """Earlier stores kept those of audio made elsewhere where a recording has its own."""
    options = {"metrics": ["si_sdr"], "ground_truth": True}
    before = score("cut", **options)
    store = codec_bench.hub.home() / "cache" / "scores.sqlite"
    with sqlite3.connect(store) as db:
        for key, text in db.execute("SELECT address, facts FROM reconstructions").fetchall():
            facts = json.loads(text)
            if key.startswith("file:"):
                facts["reference"]["samples"] += 16_000
                db.execute("UPDATE reconstructions SET facts = ? WHERE address = ?", (json.dumps(facts), key))
    after = score("cut", **options)
    pd.testing.assert_frame_equal(pairs_of(after), pairs_of(before))
    assert after.info["sessions"][-1]["scores_computed"] == 0


def test_late_audio_is_a_warning_that_names_the_metrics_it_misleads(score: Score):
    metrics = ["stoi", "si_sdr", "mcd", "pesq_wb", "secs"]
    run = score(metrics=metrics)
    (warning,) = run.info["warnings"]
    assert warning.startswith(
        "mine: decoded audio is 64 ms late on 2 of 2: STOI, SI-SDR and MCD are of misaligned signals"
    )
    assert pairs_of(run)["lag_ms"].tolist() == [64.0, 64.0]
    assert run.info["lags"]["mine"] == {"median_ms": 64.0, "known": 2, "late": 2, "early": 0, "utterances": 2}
    again = score(metrics=metrics)
    assert again.info["warnings"] == run.info["warnings"]
    assert again.info["sessions"][-1]["scores_computed"] == 0


@pytest.mark.parametrize(
    ("decoded", "reference", "metrics", "lags", "said"),
    [
        ("late", "ref", ["pesq_wb", "visqol"], [64, 64], None),  # they align by themselves
        ("cut", "ref", ["si_sdr"], [0, 0], None),
        ("ref", "ref", ["si_sdr"], [0, 0], None),
        ("ref", "late", ["si_sdr"], [-64, -64], "is 64 ms early on 2 of 2: SI-SDR is of"),
        ("mixed", "ref", ["si_sdr"], [64, 0], None),  # on one of two it is no constant lag
    ],
)
def test_there_is_a_warning_where_something_is_misled(
    score: Score, decoded: str, reference: str, metrics: list[str], lags: list[int], said: str | None
):
    run = score(decoded, reference, metrics=metrics)
    assert pairs_of(run)["lag_ms"].tolist() == lags
    assert len(run.info["warnings"]) == (said is not None)
    assert (said or "") in "".join(run.info["warnings"])


@pytest.mark.parametrize("align", [False, True])
def test_rooms_and_noise_are_no_lag(tmp_path: Path, folders: Path, align: bool):
    run = codec_bench.run(
        ["codec2@1200", "opus@6000"], str(folders / "ref"),
        condition=["reverb", "noise@10"], metrics=["si_sdr"], jobs=1, report=False, align=align, out=tmp_path / "run",
    )  # fmt: skip
    assert not [warning for warning in run.info["warnings"] if "late" in warning or "early" in warning]
    assert pairs_of(run)["lag_ms"].abs().max() < 0.5


@pytest.mark.slow
def test_align_gives_the_scores_of_audio_that_was_cut_by_hand(score: Score, tmp_path: Path):
    metrics = ["stoi", "si_sdr", "mcd", "gpe", "pesq_wb"]
    plain = score(metrics=metrics)
    by_hand = score("cut", metrics=metrics)
    run = score(metrics=metrics, align=True)
    minding, expected = (r.scores[r.scores.metric != "pesq_wb"].drop(columns="seconds") for r in (run, by_hand))
    pd.testing.assert_frame_equal(minding, expected, check_exact=True)
    assert run.summary.set_index("metric").value["stoi"] > 0.99 > plain.summary.set_index("metric").value["stoi"]
    # PESQ aligns by itself: it is not computed again, nor are its values others.
    assert run.info["sessions"][-1]["scores_computed"] == 2 * 4
    quality = [r.scores[r.scores.metric == "pesq_wb"].value.tolist() for r in (run, plain)]
    assert quality[0] == quality[1]
    assert run.info["warnings"] == []
    assert pairs_of(run)["aligned_by_ms"].tolist() == pairs_of(run)["lag_ms"].tolist() == [64.0, 64.0]
    table = (run.path / "table.md").read_text()
    assert "Aligned: STOI, SI-SDR, MCD and GPE are of decoded audio that was moved by its lag" in table
    assert "mine 64 ms" in table
    assert run.info["config"]["align"] is True
    assert "aligned_by_ms" not in pairs_of(plain)
    assert "align" not in plain.info["plan"]
    again = score(metrics=metrics, align=True)
    assert again.info["sessions"][-1]["scores_computed"] == 0
    assert without_timing(again) == without_timing(run)
    assert score(metrics=metrics).info["sessions"][-1]["scores_computed"] == 0


def test_audio_that_is_not_late_has_the_same_scores_aligned(score: Score):
    options = {"metrics": ["si_sdr", "stoi"], "ground_truth": True}
    plain, run = score("cut", **options), score("cut", align=True, **options)
    assert without_timing(run) == without_timing(plain)
    assert run.info["sessions"][-1]["scores_computed"] == 2 * 2  # those of the recordings are the same scores


def test_a_run_is_aligned_or_it_is_not(score: Score, tmp_path: Path):
    for first, second, said in ((True, False, "with"), (False, True, "without")):
        out = tmp_path / f"run-{first}"
        score(out=out, align=first)
        with pytest.raises(UsageError, match=f"it was scored {said} --align"):
            score(out=out, align=second)
        score(out=out, align=first, metrics=["si_sdr", "stoi", "estoi"])
    with pytest.raises(UsageError, match="--align needs recordings"):
        score(align=True, generated=True)


@pytest.mark.slow
def test_compare_knows_aligned_values_from_others(score: Score, cli: Cli, tmp_path: Path):
    score(out=tmp_path / "plain", ground_truth=True)
    for name in ("one", "two"):
        score(out=tmp_path / name, align=True, ground_truth=True)
    assert "aligned" not in cli("compare", "one", "two").stdout
    unlike = cli("compare", "plain", "one")
    assert unlike.returncode == 2
    assert "the decoded audio of the candidate was aligned (--align), that of the baseline was not" in unlike.stdout


@pytest.mark.usefixtures("plugins")
def test_a_store_without_lags_is_used_in_full_and_they_stay_blank(tmp_path: Path, folders: Path):
    options = {"codec": "engine_plugins:Late", "dataset": str(folders / "ref"), "metrics": ["si_sdr"], "jobs": 1}
    run = codec_bench.run(out=tmp_path / "one", report=False, **options)
    assert "64 ms late on 2 of 2: SI-SDR is of misaligned signals" in run.info["warnings"][0]
    lags = pairs_of(run).groupby("system")["lag_ms"].max()
    assert lags.to_dict() == {"late": 64.0, "ground-truth": 0.0}
    cache = codec_bench.hub.home() / "cache"
    with sqlite3.connect(cache / "scores.sqlite") as db:
        for key, text in db.execute("SELECT address, facts FROM reconstructions").fetchall():
            facts = {name: value for name, value in json.loads(text).items() if name != "lag_ms"}
            db.execute("UPDATE reconstructions SET facts = ? WHERE address = ?", (json.dumps(facts), key))
    for path in (cache / "audio").rglob("*.*"):
        path.unlink()  # nothing is decoded again to find a lag
    again = codec_bench.run(out=tmp_path / "two", report=False, **options)
    assert again.info["sessions"][-1]["scores_computed"] == 0
    assert not list((cache / "audio").rglob("*.*"))
    assert "lag_ms" not in pairs_of(again)
    assert again.info["warnings"] == []
    assert without_timing(again) == without_timing(run)


@pytest.mark.usefixtures("plugins")
def test_a_learned_model_that_is_applied_to_all_signals_hears_aligned_ones(tmp_path: Path, folders: Path):
    options = {"codec": "engine_plugins:Late", "dataset": str(folders / "ref"), "jobs": 1, "report": False}
    options["metrics"] = ["heavy_metric:beginning"]
    late, run = (codec_bench.run(out=tmp_path / str(align), align=align, **options) for align in (False, True))
    values = [r.scores.set_index(["system", "utterance"]).value.loc["late"] for r in (late, run)]
    assert values[0].min() > 0.01
    assert values[1].max() < 1e-4
