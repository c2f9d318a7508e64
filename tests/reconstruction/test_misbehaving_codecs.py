"""One run with codecs that abort, hang, exit and fork beside one that is well: the run ends, and says of each why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from codec_bench.audio import read_audio
from codec_bench.datasets.loading import load_dataset
from codec_bench.runs.directory import load_run

MODES = ["segv", "abort", "hang", "exit", "os-exit", "load-exit", "fork"]
CODEC = "tests.coding.misbehaving:Misbehaving"
ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("is_one", [True, False])
def test_whatever_codecs_do_the_run_ends_and_the_others_have_their_scores(tmp_path: Path, is_one: bool):
    utterances = list(load_dataset("demo", limit=4).utterances())
    names = {u.id for u in utterances}
    victim = utterances[2]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CODEC_BENCH_HOME": str(tmp_path / "home")}
    if is_one:
        environment |= {"VICTIM_SAMPLES": str(len(read_audio(victim.path)))}
    codecs = [f"{CODEC}@{mode}" for mode in MODES]
    command = [
        sys.executable, "-m", "codec_bench", "run", "--codec", ",".join([*codecs, "codec2@3200"]), "--dataset", "demo",
        "--limit", "4", "--metrics", "si_sdr", "--timeout", "20", "--out", str(tmp_path / "out"), "--no-report",
    ]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=500, env=environment)
    assert done.returncode == 1, done.stderr
    run = load_run(tmp_path / "out")
    assert run.info["status"] == "failed"
    failed = run.scores[run.scores.status != "ok"]
    assert failed.reason.str.len().min() > 0
    lost = {mode: set(failed.utterance[failed.system == f"{CODEC}@{mode}"]) for mode in MODES}
    some = {victim.id} if is_one else names
    assert lost == dict.fromkeys(MODES, some) | {"load-exit": names, "fork": set()}
    assert set(failed.system) == {f"{CODEC}@{mode}" for mode in MODES if mode != "fork"}
    assert len(run.scores) == 4 * (len(MODES) + 2)
    reasons = failed.drop_duplicates("system").set_index("system").reason
    assert "killed by SIGSEGV" in reasons[f"{CODEC}@segv"]
    assert "no reply within 20 s" in reasons[f"{CODEC}@hang"]
    assert "SystemExit: 0 (misbehaving.py:" in reasons[f"{CODEC}@exit"]
    assert run.info["devices"] == {"codec2": "cpu", "misbehaving": "cpu"}
