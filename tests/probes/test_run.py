"""A probe run as a whole: what it leaves, and that a killed one ends with the same numbers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from codec_bench.adapters import CODECS
from codec_bench.errors import UsageError
from codec_bench.hub import home
from codec_bench.probes import study
from codec_bench.probes.config import ProbeConfig
from codec_bench.probes.run import probe
from codec_bench.runs.directory import load_run


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pitches by six speakers of different loudness: a probe tells them apart, and random tokens do not."""
    folder = tmp_path_factory.mktemp("tones")
    generator = np.random.default_rng(0)
    lines = ["id\tpath\tspeaker\tlabel"]
    for speaker in range(6):
        for k in range(8):
            hertz = (150, 400)[k % 2] * (1 + 0.05 * speaker)
            samples = 0.1 * np.sin(2 * np.pi * hertz * np.arange(4000) / 8000) + 0.003 * generator.standard_normal(4000)
            samples *= np.sin(np.pi * np.arange(4000) / 4000) ** 2 * (0.3 + 0.1 * speaker)
            name = f"s{speaker}-{k}"
            soundfile.write(folder / f"{name}.wav", samples, 8000)
            lines.append(f"{name}\t{name}.wav\tspk{speaker}\t{('low', 'high')[k % 2]}")
    (folder / "tones.tsv").write_text("\n".join(lines) + "\n")
    return folder / "tones.tsv"


def config(tones: Path, out: Path, **changes: object) -> ProbeConfig:
    made = {"codec": "codec2@1200", "task": "er", "dataset": str(tones), "seeds": 2, "jobs": 1, "device": "cpu"}
    return ProbeConfig(**{**made, "out": out, **changes})


@pytest.mark.slow
def test_a_run_leaves_what_reports_need(tones: Path, tmp_path: Path):
    out = tmp_path / "run"
    probe(config(tones, out, task=("er", "sid")))
    run = load_run(out)
    assert (run.kind, run.info["status"]) == ("probe", "finished")
    summary = run.summary.set_index(["system", "metric"])
    assert list(run.systems) == ["log-mel", "random-tokens", "codec2@1200"]
    assert list(run.metrics) == ["accuracy[er]", "macro_f1[er]", "accuracy[sid]", "macro_f1[sid]"]
    value = summary["value"]
    assert value["log-mel", "accuracy[er]"] > 0.95
    assert 0.25 < value["random-tokens", "accuracy[er]"] < 0.75
    assert value["codec2@1200", "accuracy[er]"] > 0.9
    assert summary.loc[("codec2@1200", "accuracy[er]"), "bitrate_kbps"] == 1.2
    assert (summary["n"] == summary["n_expected"]).all()
    row = summary.loc[("codec2@1200", "accuracy[er]")]
    assert (row["n"], row["clusters"], row["seeds"]) == (48, 6, 2)
    assert row["ci_low"] <= row["value"] <= row["ci_high"]
    # The summary is what the scores say, computed here in another way.
    scores = run.scores[(run.scores.metric == "accuracy[er]") & (run.scores.status == "ok")]
    means = scores.groupby(["system", "seed"])["value"].mean()
    for system, each in means.groupby(level=0):
        assert value[system, "accuracy[er]"] == pytest.approx(each.mean())
        assert summary.loc[(system, "accuracy[er]"), "sd"] == pytest.approx(each.std())
    matrices = {(m["system"], m["task"]): m for m in json.loads((out / "confusion.json").read_text())}
    made = matrices["codec2@1200", "er"]
    assert made["labels"] == ["high", "low"] and np.sum(made["matrix"]) == 96
    assert np.trace(made["matrix"]) / 96 == pytest.approx(value["codec2@1200", "accuracy[er]"])
    told = json.loads((out / "probes.json").read_text())
    assert {t["learning_rate"] for t in told["trainings"]} <= {1e-3, 3e-3, 1e-2}
    assert all(len(t["candidates"]) == 2 and len(t["seeds"]) == 2 for t in told["trainings"])
    assert len(told["splits"]["er"]) == 4 and len(told["splits"]["sid"]) == 1
    assert "chance: 0.500" in run.metrics["accuracy[er]"]["note"]


COMMAND = """
import sys
from pathlib import Path
from codec_bench.probes.config import ProbeConfig
from codec_bench.probes.run import probe
probe(ProbeConfig(codec=("codec2@1200",), task=("digits",), dataset=sys.argv[1], seeds=2, jobs=1, device="cpu",
                  out=Path(sys.argv[2])))
"""


def start(tones: Path, out: Path, cache: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"CODEC_BENCH_HOME": str(cache), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", COMMAND, str(tones), str(out)], env=environment)


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_numbers(tones: Path, tmp_path: Path):
    whole = start(tones, tmp_path / "whole", tmp_path / "home1")
    assert whole.wait(600) == 0
    killed = start(tones, tmp_path / "killed", tmp_path / "home2")
    results = tmp_path / "home2" / "cache" / "probes"
    until = time.monotonic() + 300
    while len(list(results.rglob("*.json"))) < 3 and time.monotonic() < until:
        assert killed.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait(60)
    with pytest.raises(UsageError, match="not finished"):
        load_run(tmp_path / "killed")
    kept = {path: path.stat().st_mtime_ns for path in results.rglob("*.json")}
    assert start(tones, tmp_path / "killed", tmp_path / "home2").wait(600) == 0
    first, second = load_run(tmp_path / "whole"), load_run(tmp_path / "killed")
    pd.testing.assert_frame_equal(first.summary, second.summary)
    pd.testing.assert_frame_equal(first.scores, second.scores)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    sessions = second.info["sessions"]
    assert len(sessions) == 2 and sessions[1]["trainings_from_cache"] >= 3
    assert first.info["sessions"][0]["trainings"] == sessions[1]["trainings"] + sessions[1]["trainings_from_cache"] == 9


def test_what_cannot_be_done_is_said_before_anything_is_made(tones: Path, tmp_path: Path):
    for changes, match in (
        ({"task": ("asr",)}, "none of the 48 utterances has a transcript"),
        ({"task": ("ser",)}, "unknown task 'ser'; did you mean"),
        ({"head": "ecapa"}, "--head ecapa"),
        ({"codec": ("ground-truth",)}, "a probe needs a codec"),
        ({"seeds": 0}, "option seeds"),
        ({"split": "random"}, "option split"),
    ):
        with pytest.raises(UsageError, match=match):
            probe(config(tones, tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()
    assert not (home() / "cache").exists()


def test_a_codec_without_frozen_tokens_is_refused(tones: Path, tmp_path: Path):
    with pytest.raises(UsageError, match=r"opus@6000 cannot be probed.*no frozen tokens"):
        probe(config(tones, tmp_path / "run", codec=("opus@6000",)))
    assert "opus" in CODECS.names()


def test_the_learning_rate_is_the_best_on_the_development_part():
    found = {1e-2: {"rank": [0.5, -1.0]}, 1e-3: {"rank": [0.5, -0.9]}, 3e-3: {"rank": [0.4, -0.1]}}
    assert study.choose(found) == 1e-3
    found[3e-3] = {"rank": [0.5, -0.9]}
    assert study.choose(found) == 1e-3
