"""The engines give the same files; a Ray cluster may lose processes on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

import codec_bench
from codec_bench.audio import Audio, read_audio
from codec_bench.cache import ArrayCache
from codec_bench.coding.signals import copied, entry_of, load_signal
from codec_bench.datasets.loading import load_dataset
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.reconstruction.config import RunConfig
from codec_bench.reconstruction.engines.cluster import connect
from codec_bench.reconstruction.engines.making import make_engine
from codec_bench.reconstruction.engines.parcels import signals_of, unpack_signals
from codec_bench.reconstruction.engines.remote import Coding, Scoring
from codec_bench.runs.directory import Run, load_run, read_info
from tests.small_runs import DEMO, without_timing

pytestmark = pytest.mark.long

ray = pytest.importorskip("ray")

HERE = Path(__file__).parent
PLUGINS = [str(HERE / "engine_plugins"), str(HERE)]
RunWith = Callable[..., Run]


def long_ones() -> set[str]:
    """Which of the first four utterances of the demo last more than four seconds."""
    return {u.id for u in load_dataset("demo", limit=4).utterances() if read_audio(u.path).seconds > 4}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cluster of two CPUs whose processes have a cache of their own; its GPU is one by name only."""
    folder = tmp_path_factory.mktemp("cluster")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_HOME", str(folder / "home"))
        patch.setenv("HEAVY_LOG", str(folder / "log"))
        patch.setenv("PYTHONPATH", os.pathsep.join(PLUGINS))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")
        for plugins in PLUGINS:
            patch.syspath_prepend(plugins)
        ray.init(
            address="local", num_cpus=2, num_gpus=1, object_store_memory=100 * 2**20, include_dashboard=False,
            log_to_driver=False, logging_level="ERROR",
        )  # fmt: skip
        try:
            yield folder
        finally:
            ray.shutdown()


@pytest.fixture
def run_with(cluster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunWith:
    """Runs the demo with an engine; each engine has a cache of its own."""

    def run(engine: str, home: str = "", **options: Any) -> Run:
        home = home or engine
        monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / home))
        given = {"codec": ["codec2@1200"], "dataset": "demo", "limit": 4, "jobs": 2, "report": False} | options
        given.setdefault("out", tmp_path / f"{home}-out")
        return codec_bench.run(engine=engine, **given)

    return run


def files(run: Run) -> dict[str, bytes]:
    """What a run left that must not depend on where it was done."""
    found = {name: (run.path / name).read_bytes() for name in ("summary.csv", "utterances.csv")}
    if (run.path / "hypotheses.csv").exists():
        found["hypotheses.csv"] = (run.path / "hypotheses.csv").read_bytes()
    for folder in ("audio", "tokens"):
        for path in sorted((run.path / folder).rglob("*.*")):
            # The header of a WAV file with floats says when it was written.
            data = soundfile.read(path)[0].tobytes() if path.suffix == ".wav" else path.read_bytes()
            found[str(path.relative_to(run.path))] = data
    facts = pd.read_csv(run.path / "reconstructions.csv")
    found["facts"] = facts.drop(columns=["encode_seconds", "decode_seconds"], errors="ignore").to_csv().encode()
    return found | {"scores": without_timing(run).encode()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"codec": ["codec2@1200", "opus@6000"], "metrics": ["pesq_wb", "stoi", "wer", "gpe"], "keep_audio": True},
        {"metrics": ["heavy_metric:loudness", "si_sdr"]},
        {"codec": ["engine_plugins:Late"], "metrics": ["heavy_metric:beginning", "si_sdr"], "align": True},
    ],
    ids=["classic", "learned model", "aligned"],
)
def test_both_engines_give_the_same_files(run_with: RunWith, tmp_path: Path, options: dict[str, Any]):
    log = tmp_path / "log"
    local = run_with("local", **options, limit=2)
    here = log.read_text() if log.exists() else ""
    far = run_with("ray", **options, limit=2)
    left, right = files(local), files(far)
    assert set(left) == set(right)
    assert len(left) == (5 + 3 * 2 + 2 * 2 if "keep_audio" in options else 4)
    assert [name for name in left if left[name] != right[name]] == []
    assert (log.read_text() if log.exists() else "") == here  # no model was loaded in this process
    if "align" in options:
        assert far.summary.query("metric == 'beginning'").value.max() < 1e-4
        assert far.summary.query("metric == 'si_sdr'").value.min() > 60


@pytest.mark.slow
def test_conditions_and_prefixes_are_the_same_on_both_engines(run_with: RunWith):
    options = {
        "codec": ["codec2@1200", "test-failing@3", "test-residual@2", "engine_plugins:OnGpu"],
        "metrics": ["si_sdr", "engine_plugins:peak"],
        "condition": [
            "noise@10",
            "segment@1",
            "concat@8",
            "shift@40",
            "level@-6",
            "repeat@2",
            "loss@10:2",
            "flip@0.001",
            "token-noise@5",
            "noise@10+loss@10",
            "keep@1",
            "chunk@20",
            "music@10",
            "talkers@5",
        ],
        "music_dir": DEMO / "audio",
        "condition_reference": "altered",
        "max_failed": 1.0,
        "limit": None,
        "sample": 4,  # of several speakers, which `talkers` needs
    }
    local, far = (run_with(engine, **options) for engine in ("local", "ray"))
    there = far.scores.set_index("system").value
    assert there["on-gpu"].max() > 0.05  # it had the GPU of the cluster
    assert far.info["devices"]["on-gpu"] == "cuda"
    others = [r.scores[~r.scores.system.str.startswith("on-gpu")].drop(columns="seconds") for r in (local, far)]
    assert others[0].to_csv(float_format="%r") == others[1].to_csv(float_format="%r")
    assert {"ok", "encode_failed"} <= set(others[1].status)


@pytest.mark.slow
def test_what_kills_or_hangs_a_process_costs_the_same_pairs(run_with: RunWith):
    long = long_ones()
    assert 0 < len(long) < 4
    options = {
        "metrics": ["engine_plugins:killer", "engine_plugins:hanging", "engine_plugins:peak"],
        "ground_truth": False, "timeout": 5, "max_failed": 1.0,
    }  # fmt: skip
    local, far = (run_with(engine, **options) for engine in ("local", "ray"))
    assert without_timing(far) == without_timing(local)
    crashed = far.scores[far.scores.status == "crashed"]
    assert set(crashed.utterance) == long
    reasons = {metric: set(rows.reason) for metric, rows in crashed.groupby("metric")}
    assert set(reasons) == {"killer", "hanging"}  # each is tried by itself, so `peak` has all its scores
    assert all("SIGKILL" in reason for reason in reasons["killer"])
    assert reasons["hanging"] == {"the process gave no reply within 5 s"}


@pytest.mark.slow
def test_a_codec_that_kills_its_process_costs_its_recordings(run_with: RunWith):
    long = long_ones()
    run = run_with("ray", codec=["engine_plugins:Deadly"], metrics=["si_sdr"], ground_truth=False, max_failed=1.0)
    scores = run.scores.set_index("utterance")
    assert set(scores.index[scores.status == "crashed"]) == long
    assert set(scores.index[scores.status == "ok"]) == set(scores.index) - long
    assert scores.reason[sorted(long)[0]].startswith("while coding it, the process was killed by SIGKILL")


@pytest.mark.slow
def test_a_metric_that_cannot_run_ends_the_run_with_its_reason(run_with: RunWith):
    with pytest.raises(CodecBenchError, match="pip install something") as caught:
        run_with("ray", metrics=["engine_plugins:absent"], limit=1)
    assert caught.value.exit_code == 2


@pytest.mark.slow
def test_a_run_of_one_engine_is_continued_by_the_other(run_with: RunWith, tmp_path: Path):
    def touched(kind: str) -> dict[str, int]:
        return {str(p): p.stat().st_mtime_ns for p in (tmp_path / "both" / "cache" / kind).rglob("*") if p.is_file()}

    run_with("local", "both", metrics=["si_sdr"])
    before = touched("audio") | touched("codes")
    more = run_with("ray", "both", metrics=["si_sdr", "stoi", "wer"])
    assert touched("audio") | touched("codes") == before
    assert more.info["sessions"][-1]["scores_from_cache"] == 8
    assert more.info["sessions"][-1]["scores_computed"] == 16
    again = run_with("local", "both", metrics=["si_sdr", "stoi", "wer"])
    assert again.info["sessions"][-1]["scores_computed"] == 0
    assert files(again) == files(more)
    assert len(pd.read_csv(again.path / "hypotheses.csv")) == 8  # what was heard elsewhere came back


def processes(title: str) -> list[int]:
    """Processes of this user whose command line begins with a title."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes().decode(errors="replace").startswith(title):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Scoring", "Coding"])
def test_a_process_that_is_killed_in_the_middle_costs_nothing(run_with: RunWith, kind: str):
    options = {"codec": ["engine_plugins:Slow"], "metrics": ["engine_plugins:tired"]}
    expected = files(run_with("local", **options))
    killed: list[int] = []
    done = threading.Event()

    def kill() -> None:
        while not killed and not done.is_set():
            for pid in processes(f"ray::{kind}.call"):
                time.sleep(0.2)
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                break
            time.sleep(0.02)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        run = run_with("ray", **options)
    finally:
        done.set()
        thread.join()
    assert len(killed) == 1
    assert files(run) == expected
    assert set(run.scores.status) == {"ok"}


def test_a_machine_with_other_versions_is_refused(cluster: Path):
    here = {"version": codec_bench.__version__}
    with pytest.raises(UsageError, match="metric stoi has other versions"):
        Scoring(60).call(here | {"fingerprints": {"stoi": "another"}})
    job = {
        "op": "code",
        "system": "codec2@1200",
        "spelling": "codec2@1200",
        "fingerprint": "another",
        "pieces": [],
        "decode": True,
    }
    with pytest.raises(UsageError, match="codec2@1200 has other versions"):
        Coding(60, "cpu", None, None).call(here | {"job": job, "known": {}, "recordings": {}})
    with pytest.raises(UsageError, match="codec-bench is"):
        Scoring(60).call({"version": "0"})


def test_ray_is_named_where_it_is_missing_and_imported_only_on_request(monkeypatch: pytest.MonkeyPatch):
    script = "import sys, codec_bench.reconstruction.engines.making, codec_bench.cli; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
    monkeypatch.setitem(sys.modules, "ray", None)
    config = RunConfig(codec=["codec2"], engine="ray")
    monkeypatch.setattr("codec_bench.extras.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"ray is not installed: pip install 'codec-bench\[ray\]'"):
        make_engine(config, Path("cache"))


def test_a_cluster_that_wants_a_token_is_one_line_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """As Ray 2.60 does it: C++ writes to the descriptor, then Python raises what says nothing of tokens."""

    def init(**_: Any) -> None:
        for _ in range(20):
            os.write(2, b"gcs_client.cc:210: Unauthenticated: Authentication token is missing or incorrect\n")
        raise ConnectionError("Failed to connect to Ray cluster at 10.0.0.1:6379")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(UsageError, match=r"10\.0\.0\.1:6379 wants a token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOK"):
        connect("10.0.0.1:6379", 1, False)
    assert capfd.readouterr().err == ""
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_decoded_audio_reaches_another_machine_as_it_lies_in_the_cache(tmp_path: Path):
    audio = Audio(np.linspace(-0.5, 0.5, 4000, dtype=np.float32), 16_000)
    here = ArrayCache(tmp_path / "cache" / "audio")
    here.put("ab" * 32, entry_of(audio, 0.25))
    source = {"address": "ab" * 32}
    (tmp_path / "there").mkdir()
    unpack_signals([source], signals_of([source], here), tmp_path / "there")
    there = load_signal(copied(source, tmp_path / "there"), ArrayCache(tmp_path / "another" / "audio"))
    assert np.array_equal(there.samples, audio.samples)


def test_options_that_do_not_go_together():
    with pytest.raises(UsageError, match="add --engine ray"):
        RunConfig(codec=["codec2"], ray_address="auto")
    with pytest.raises(UsageError, match="take --device cuda"):
        make_engine(RunConfig(codec=["codec2"], engine="ray", device="cuda:1"), Path("cache"))


COMMAND = [
    sys.executable, "-m", "codec_bench", "run", "--codec", "codec2@1200", "--dataset", "demo", "--limit", "4",
    "--metrics", "engine_plugins:tired", "--engine", "ray", "--jobs", "2", "--no-report",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "reason"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated by SIGTERM")]
)
def test_a_signal_ends_a_run_on_a_cluster_of_its_own_and_it_is_continued(
    tmp_path: Path, number: signal.Signals, reason: str
):
    environment = os.environ | {
        "CODEC_BENCH_HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(PLUGINS),
    }  # fmt: skip
    command = [*COMMAND, "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list((tmp_path / "home").glob("cache/features/*/*")) and time.monotonic() < deadline:
        if list((tmp_path / "home" / "cache").glob("audio/*/*")):
            break
        time.sleep(0.1)
    if number == signal.SIGINT:  # as a terminal does
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number, errors
    info = read_info(tmp_path / "out")
    assert info is not None
    assert info["sessions"][-1]["stopped"] == reason
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    finished = load_run(tmp_path / "out")
    assert set(finished.scores.status) == {"ok"}
    assert len(finished.scores) == 8
