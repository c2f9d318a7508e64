"""Runs: the same numbers however they come about, nothing twice, nothing lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

import codec_bench
from codec_bench.errors import UsageError
from codec_bench.runs.directory import Run, load_run
from tests.small_runs import CODECS, METRICS, without_timing

pytestmark = pytest.mark.long

RunIn = Callable[..., Run]


def command(six: Path, out: Path, *extra: str) -> list[str]:
    """The command line of the run that `run_in` makes."""
    return [
        sys.executable, "-m", "codec_bench", "run", "--codec", ",".join(CODECS), "--dataset", str(six),
        "--metrics", ",".join(METRICS), "--out", str(out), "--no-report", *extra,
    ]  # fmt: skip


def stored(home: Path) -> int:
    """How many scores a cache has."""
    path = home / "cache" / "scores.sqlite"
    if not path.exists():
        return 0
    with sqlite3.connect(path) as db:
        try:
            return int(db.execute("SELECT count(*) FROM scores").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def touched(home: Path, kind: str) -> dict[str, int]:
    """When each entry of a cache was written."""
    return {str(p): p.stat().st_mtime_ns for p in (home / "cache" / kind).rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def undisturbed(six: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run that `run_in` makes, in one go by one worker, in a cache of its own."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_HOME", str(folder / "home"))
        return codec_bench.run(CODECS, str(six), metrics=METRICS, jobs=1, report=False, out=folder / "out")


@pytest.fixture
def continued(undisturbed: Run, tmp_path: Path) -> Path:
    """Home with a copy of what `undisturbed` left, which `run_in` continues."""
    shutil.copytree(undisturbed.path.parent / "home", tmp_path / "home")
    shutil.copytree(undisturbed.path, tmp_path / "home-out")
    return tmp_path / "home"


def test_every_score_has_a_value_and_ground_truth_is_best(run_in: RunIn, continued: Path):
    run = run_in(metrics=[*METRICS, "pesq_wb"])
    assert set(run.scores.status) == {"ok"}
    assert len(run.scores) == 4 * 6 * 5
    assert run.info["status"] == "finished"
    summary = run.summary.set_index(["system", "metric"]).value
    assert summary["ground-truth", "stoi"] == pytest.approx(1, abs=1e-6)
    assert summary["ground-truth", "pesq_wb"] == pytest.approx(4.644, abs=1e-3)
    assert summary["opus@6000", "pesq_wb"] > summary["codec2@1200", "pesq_wb"]
    assert set(run.summary.n) == set(run.summary.n_expected) == {6}


def test_two_workers_and_any_order_give_equal_scores(run_in: RunIn, undisturbed: Run, six: Path, tmp_path: Path):
    shuffled = tmp_path / "six.tsv"
    pd.read_csv(six, sep="\t").sample(frac=1, random_state=1).to_csv(shuffled, sep="\t", index=False)
    other = run_in(jobs=2, dataset=str(shuffled), codec=CODECS[::-1], metrics=METRICS[::-1])
    assert without_timing(other) == without_timing(undisturbed)
    left, right = (r.summary.sort_values(["system", "metric"], ignore_index=True) for r in (undisturbed, other))
    pd.testing.assert_frame_equal(left, right, check_exact=True)


def test_killed_at_random_moments_a_run_finishes_with_equal_scores_and_repeats_nothing(
    undisturbed: Run, six: Path, tmp_path: Path
):
    home, out = tmp_path / "killed", tmp_path / "killed-out"
    environment = os.environ | {"CODEC_BENCH_HOME": str(home)}
    generator = random.Random(7)
    kills = 0
    for _ in range(40):
        process = subprocess.Popen(
            command(six, out, "--jobs", "2"), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        before, wanted = stored(home), generator.randint(8, 32)
        while process.poll() is None and stored(home) < before + wanted:
            time.sleep(0.02)
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    assert kills >= 3
    assert process.returncode == 0
    finished = load_run(out)
    assert without_timing(finished) == without_timing(undisturbed)
    last = finished.info["sessions"][-1]
    assert last["scores_from_cache"] == before
    assert last["scores_computed"] == len(finished.scores) - before


@pytest.mark.slow
def test_two_processes_share_one_cache(undisturbed: Run, six: Path, tmp_path: Path):
    environment = os.environ | {"CODEC_BENCH_HOME": str(tmp_path / "both")}
    outs = [tmp_path / "first", tmp_path / "second"]
    processes = [
        subprocess.Popen(command(six, out, "--jobs", "1", "--limit", "2"), env=environment, stdout=subprocess.DEVNULL)
        for out in outs
    ]
    assert [p.wait(300) for p in processes] == [0, 0]
    names = pd.read_csv(six, sep="\t").id[:2]
    expected = undisturbed.scores[undisturbed.scores.utterance.isin(names)].drop(columns="seconds")
    for out in outs:
        found = load_run(out).scores.drop(columns="seconds")
        pd.testing.assert_frame_equal(found, expected.reset_index(drop=True), check_exact=True)


def test_adding_a_metric_decodes_nothing_and_scores_only_the_metric(run_in: RunIn, continued: Path):
    before = {kind: touched(continued, kind) for kind in ("codes", "audio")}
    more = run_in(metrics=[*METRICS, "estoi"])
    assert {kind: touched(continued, kind) for kind in ("codes", "audio")} == before
    assert more.info["sessions"][-1]["scores_computed"] == 4 * 6
    assert set(more.scores.metric) == {*METRICS, "estoi"}


def test_a_damaged_cache_entry_is_noticed_and_made_again(run_in: RunIn, tmp_path: Path):
    options = {"codec": ["codec2@1200"], "metrics": ["gpe", "si_sdr"]}
    expected = without_timing(run_in(**options))
    cache = tmp_path / "home" / "cache"
    for kind in ("codes", "audio", "features"):
        entries = sorted(p for p in (cache / kind).rglob("*") if p.is_file())
        assert entries
        for path in entries:
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 0xFF
            path.write_bytes(data)
        for path in cache.glob("scores.sqlite*"):
            path.unlink()
        assert without_timing(run_in(**options, out=tmp_path / kind)) == expected, kind


def test_a_failing_codec_costs_its_utterances_and_says_so(run_in: RunIn):
    run = run_in(codec=["test-failing@3", "codec2@3200"])
    scores = run.scores[run.scores.system == "test-failing@3"]
    failed = scores[scores.status != "ok"]
    assert 0 < failed.utterance.nunique() < 6
    assert set(failed.status) <= {"encode_failed", "decode_failed"}
    assert failed.value.isna().all()
    assert failed.reason.str.len().min() > 0
    assert set(run.scores[run.scores.system == "codec2@3200"].status) == {"ok"}
    row = run.summary[(run.summary.system == "test-failing@3") & (run.summary.metric == "stoi")].iloc[0]
    assert row.n == 6 - failed.utterance.nunique()
    assert row.n_expected == 6
    assert run.info["status"] == "failed"
    assert run.failures[0].startswith("test-failing@3: ")


def bad_audio(folder: Path, good: Path) -> Path:
    """A manifest with one good utterance among bad and odd ones."""
    speech, rate = soundfile.read(good, dtype="float32")
    nan = speech.copy()
    nan[1000] = np.nan
    files: dict[str, Any] = {
        "nan": (nan, rate, "FLOAT"),
        "empty": (np.zeros(0, np.float32), rate, "PCM_16"),
        "silent": (np.zeros(rate, np.float32), rate, "PCM_16"),
        "short": (speech[5000:5080], rate, "PCM_16"),
        "stereo": (np.stack([speech, speech], 1), rate, "PCM_16"),
        "eight-bit": (speech, rate, "PCM_U8"),
        "high-rate": (np.repeat(speech, 6), 6 * rate, "PCM_16"),
    }
    for name, (samples, file_rate, subtype) in files.items():
        soundfile.write(folder / f"{name}.wav", samples, file_rate, subtype=subtype)
    (folder / "text.wav").write_text("this is no audio at all")
    (folder / "zero.wav").write_bytes(b"")
    names = [*files, "text", "zero", "absent"]
    lines = ["id\tpath\ttranscript", f"good\t{good}\tsome words"]
    lines += [f"{name}\t{name}.wav\tsome words" for name in names]
    path = folder / "bad.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_bad_utterances_get_a_status_and_the_run_goes_on(run_in: RunIn, six: Path, tmp_path: Path):
    good = Path(pd.read_csv(six, sep="\t").path.iloc[0])
    run = run_in(
        dataset=str(bad_audio(tmp_path, good)), codec=["codec2@3200"], metrics=["pesq_wb", "stoi"], max_failed=0.9
    )
    statuses = run.scores.groupby(["system", "utterance"]).status.agg(lambda s: ",".join(sorted(set(s))))
    expected = {
        "good": "ok", "stereo": "ok", "eight-bit": "ok", "high-rate": "ok", "nan": "not_finite", "empty": "empty",
        "silent": "silent", "text": "unreadable", "zero": "unreadable", "absent": "missing",
    }  # fmt: skip
    for system in ("ground-truth", "codec2@3200"):
        assert {u: statuses[system, u] for u in expected} == expected
    short = run.scores[(run.scores.utterance == "short") & (run.scores.system == "codec2@3200")].set_index("metric")
    assert short.status["pesq_wb"] == short.status["stoi"] == "too_short"
    bad = run.scores[run.scores.status != "ok"]
    assert bad.value.isna().all()
    assert (bad.reason.str.len() > 0).all()
    assert (run.summary.n_expected == 11).all()
    assert np.isfinite(run.summary.value).all()


def test_codebook_prefixes_are_encoded_once(run_in: RunIn, tmp_path: Path, shared: Path, monkeypatch: Any):
    pytest.importorskip("ai_edge_litert")
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(shared))
    run = run_in(codec=["lyra"], codebooks=[16, 46], limit=2, metrics=["stoi"])
    assert len(touched(tmp_path / "home", "codes")) == 2
    rates = run.summary.set_index("system").bitrate_kbps
    assert (rates["lyra@16"], rates["lyra@46"]) == (3.2, 9.2)


def test_another_plan_is_refused_and_a_larger_one_continues(run_in: RunIn):
    run_in(limit=3)
    for other, said in (
        ({"codec": ["opus@6000"]}, "it has the system codec2@1200"),
        ({"metrics": ["stoi"]}, "it has the metric gpe"),
        ({"limit": 2}, "other utterances"),
        ({"seed": 5}, "its seed is 0"),
    ):
        with pytest.raises(UsageError, match=said):
            run_in(**{"limit": 3} | other)
    larger = run_in(limit=4, codec=[*CODECS, "codec2@3200"], metrics=[*METRICS, "estoi"])
    assert len(larger.info["sessions"]) == 2
    assert larger.summary.n.min() == 4


def test_bitrates_are_counted_from_payload(run_in: RunIn):
    run = run_in(codec=["codec2@700C", "opus@6000"], metrics=["si_sdr"])
    pairs = pd.read_csv(run.path / "reconstructions.csv").groupby("system")[["bits", "coded_seconds"]].sum()
    counted = pairs.bits / pairs.coded_seconds / 1000
    shown = run.summary.drop_duplicates("system").set_index("system").bitrate_kbps
    assert shown["codec2@700C"] == 0.7
    assert shown["opus@6000"] == pytest.approx(counted["opus@6000"], abs=1e-9)


def test_provenance_is_complete(run_in: RunIn):
    info = run_in(limit=1, metrics=["stoi"], codec=["codec2@3200"]).info
    provenance = info["provenance"]
    for package in ("numpy", "pystoi", "soxr", "pycodec2", "pesq", "torch"):
        assert provenance["packages"][package] not in ("", "absent")
    assert provenance["resampler"] == "soxr HQ"
    assert len(info["plan"]["dataset"]["manifest_sha256"]) == 64
    assert info["sessions"][-1]["seconds"]["total"] > 0
    assert all(len(s["fingerprint"]) == 64 for s in info["plan"]["systems"] + info["plan"]["metrics"])


SMALL_DISK = """
set -e
disk="$1" kept="$2"
mount -t tmpfs -o size="$3" none "$disk"
shift 3
status=0; "$@" || status=$?
echo "first: $status" >&2
mount -o remount,size=200m "$disk"
status=0; "$@" || status=$?
cp -r "$disk"/. "$kept"
exit $status
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
@pytest.mark.parametrize(
    ("full", "size"),
    [
        pytest.param(("home",), "1m", marks=pytest.mark.slow),
        pytest.param(("home", "out"), "2m", marks=pytest.mark.slow),
        pytest.param(("out",), "200k", marks=pytest.mark.slow),
    ],
    ids=["cache", "both", "run"],
)
def test_a_full_disk_ends_the_run_with_one_line_and_more_room_continues_it(
    full: tuple[str, ...], size: str, undisturbed: Run, six: Path, tmp_path: Path
):
    for name in ("small", "kept"):
        (tmp_path / name).mkdir()
    home, out = (tmp_path / ("small" * (name in full)) / name for name in ("home", "out"))
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    disk = ["sh", "-c", SMALL_DISK, "sh", str(tmp_path / "small"), str(tmp_path / "kept"), size]
    done = subprocess.run(
        ["unshare", *user, "--mount", *disk, *command(six, out, "--jobs", "2", "--keep-audio")],
        check=False, capture_output=True, text=True, timeout=300, env=os.environ | {"CODEC_BENCH_HOME": str(home)},
    )  # fmt: skip
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip("no small file system can be mounted here")
    lines = [line for line in done.stderr.splitlines() if not line.startswith("WARNING")]
    assert "no space left" in lines[0]
    assert lines[1] == "first: 1"
    assert done.returncode == 0
    finished = load_run(tmp_path / ("kept" * ("out" in full)) / "out")
    assert without_timing(finished) == without_timing(undisturbed)
    assert len(finished.info["sessions"]) == 2
    if "out" not in full:
        assert finished.info["sessions"][0]["stopped"].startswith("no space left")
        assert finished.info["sessions"][1]["scores_from_cache"] > 0
