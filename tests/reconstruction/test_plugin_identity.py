"""A cached number belongs to the code that made it: plug-ins of every kind are edited and moved between runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from codec_bench.comparison.compare import compare
from codec_bench.comparison.loading import load_measurements
from tests.reconstruction.kinds_of_plugins import KINDS, edit, write
from tests.warm_workers import WarmWorkers


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mine")
    write(folder)
    (folder / "recordings").mkdir()
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        soundfile.write(folder / "recordings" / f"{name}.wav", 0.1 * rng.standard_normal(8_000), 16_000)
    return folder


Results = Callable[..., tuple[dict[str, Any], pd.DataFrame]]


@pytest.fixture(scope="module")
def run(warm_workers: WarmWorkers) -> Results:
    """One command in a process of its own, as users edit and run: what it says, and its values."""
    return partial(_run, warm_workers)


def _run(warm: WarmWorkers, folder: Path, home: Path, out: Path, *options: str) -> tuple[dict[str, Any], pd.DataFrame]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "CODEC_BENCH_HOME": str(home), "COLUMNS": "80"}
    command = warm.command(
        "run", "--codec", "my_codec:Mine", "--dataset", "my_dataset:Mine",
        "--condition", "my_condition:Quieter@2", "--metrics", "my_metric:mine,si_sdr,mr_stft,wer,cer", "--asr", "mine",
        "--normaliser", "my_normaliser:mine", "--jobs", "1", "--no-report", "--out", str(out), *options,
    )  # fmt: skip
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    scores = pd.read_parquet(out / "scores.parquet")
    columns = ["system", "utterance", "metric", "status", "numerator", "denominator"]
    return json.loads((out / "run.json").read_text()), scores[columns].reset_index(drop=True)


@pytest.mark.long
def test_an_edit_gives_what_a_fresh_home_gives_and_a_move_computes_nothing(run: Results, made: Path, tmp_path: Path):
    home = tmp_path / "home"
    info, before = run(made, home, tmp_path / "first")
    assert set(before["status"]) == {"ok"}
    assert info["warnings"] == []
    assert info["sessions"][-1]["scores_from_cache"] == 0

    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(made, elsewhere)
    for file in elsewhere.rglob("*.*"):
        os.utime(file)
    info, moved = run(elsewhere, home, tmp_path / "moved")
    assert info["sessions"][-1]["scores_computed"] == 0
    pd.testing.assert_frame_equal(before, moved)

    last = before
    for part in ("source", "helper", "file"):
        edit(elsewhere, part)
        _, edited = run(elsewhere, home, tmp_path / part)
        _, fresh = run(elsewhere, tmp_path / f"home of {part}", tmp_path / f"fresh {part}")
        pd.testing.assert_frame_equal(edited, fresh)
        changed = edited[(edited["numerator"] != last["numerator"]) | (edited["denominator"] != last["denominator"])]
        assert {"mine", "mr_stft", "wer", "cer"} <= set(changed["metric"].str.partition("[")[0])
        assert {"mine", "mine+quieter@2"} <= set(changed["system"])
        last = edited
    assert last["numerator"][last["metric"] == "mine"].unique().tolist() == [2 + 4 + 6]

    compared = compare(*(load_measurements(tmp_path / name) for name in ("first", "file")))
    changed = "changed between the runs: code (codec_helper, my_codec), files (codec.txt)"
    assert any(note.startswith(f"mine: {changed}") for note in compared.notes)
    reasons = {result.column.name: " ".join(result.reasons) for result in compared.results}
    assert "code (metric_helper, my_metric), files (metric.txt) changed" in reasons["mine"]
    for module in ("my_recogniser", "my_normaliser"):
        assert module in reasons["wer"]
    assert not any("ground-truth" in note and "changed" in note for note in compared.notes)

    info, again = run(elsewhere, home, tmp_path / "anew", "--no-cache")
    assert info["sessions"][-1]["scores_from_cache"] == 0
    pd.testing.assert_frame_equal(again, last)
    assert not list(home.glob("fresh-*"))


@pytest.mark.long
@pytest.mark.slow
def test_one_edit_changes_what_depends_on_it_alone(run: Results, made: Path, tmp_path: Path):
    """The plug-ins of one run are told apart: only what hears, reads or measures by the edited one is computed anew."""
    home, folder = tmp_path / "home", tmp_path / "copy"
    shutil.copytree(made, folder)
    info, scores = run(folder, home, tmp_path / "first")
    rows, columns = scores["system"].nunique(), scores["metric"].nunique()
    assert info["sessions"][-1]["scores_computed"] == len(scores) == 2 * rows * columns
    texts = 2 * rows * 2  # wer and cer of two utterances in every row
    affected = {
        "codec": 2 * 2 * columns,  # the codec, clean and under the condition
        "condition": 2 * 2 * columns,  # the recordings and the codec under it
        "metric": 2 * rows,
        "normaliser": texts,
        "recogniser": texts,
        "dataset": texts,
    }
    assert set(affected) == set(KINDS)
    for kind, expected in affected.items():
        (folder / f"{kind}_helper.py").write_text("HELPER = 5.0\n")
        info, _ = run(folder, home, tmp_path / kind)
        assert info["sessions"][-1]["scores_computed"] == expected, kind
