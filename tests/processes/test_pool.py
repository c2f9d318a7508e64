"""The pool outlives its workers: crashes, hangs, noise on standard output, missing parents."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec_bench.audio import Audio, write_wav
from codec_bench.errors import CodecBenchError
from codec_bench.files import file_digest
from codec_bench.processes.pool import Pool, ProcessPool, Server
from codec_bench.processes.process import ProcessCrash
from codec_bench.reconstruction.worker import SCORER
from tests.processes.material import wait_until_gone

METRICS = """
import os, signal, sys, time, ctypes
from codec_bench.metrics import register_metric
from codec_bench.errors import UnavailableError

options = dict(better="higher", rate=16000)

@register_metric("peak", **options)
def peak(reference, decoded):
    return float(abs(decoded.samples).max())

@register_metric("noisy", **options)
def noisy(reference, decoded):
    print("a line on standard output")
    os.write(1, b"and one past Python\\n")
    return 1.0

@register_metric("deadly", **options)
def deadly(reference, decoded):
    print("last words", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

@register_metric("once", **options)
def once(reference, decoded):
    marker = os.environ["CODEC_BENCH_TEST_MARKER"]
    if not os.path.exists(marker):
        open(marker, "w").close()
        os._exit(3)
    return 2.0

@register_metric("slow", **options)
def slow(reference, decoded):
    time.sleep(600)

@register_metric("absent", **options)
def absent(reference, decoded):
    raise UnavailableError("pip install something")

@register_metric("broken", **options)
def broken(reference, decoded):
    raise KeyError("a bug")

@register_metric("threads", **options)
def threads(reference, decoded):
    return float(os.environ["OMP_NUM_THREADS"])
"""


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a job for one of the metrics above."""
    (tmp_path / "pool_metrics.py").write_text(textwrap.dedent(METRICS))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("CODEC_BENCH_TEST_MARKER", str(tmp_path / "marker"))
    wav = tmp_path / "a.wav"
    write_wav(wav, Audio(np.full(1600, 0.25, np.float32), 16_000))
    source = {"identity": "file:a", "path": str(wav), "digest": file_digest(wav)}

    def make(name: str) -> dict[str, Any]:
        return {
            "reference": source,
            "decoded": source,
            "text": None,
            "language": None,
            "generated": False,
            "metrics": [f"pool_metrics:{name}"],
        }

    return make


def scorers(jobs: int, folder: Path, timeout: float) -> ProcessPool:
    return ProcessPool(jobs, SCORER, {"cache": str(folder / "cache")}, timeout)


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[ProcessPool]:
    with scorers(2, tmp_path, 60) as made:
        yield made


def test_jobs_are_scored_and_what_libraries_print_is_no_reply(pool: ProcessPool, job: Any):
    futures = [pool.submit(job(name)) for name in ("peak", "noisy", "threads")]
    values = [f.result(60)["scores"][0]["numerator"] for f in futures]
    assert values == [0.25, 1.0, 1.0]


def test_a_crash_costs_one_job_and_says_why(pool: ProcessPool, job: Any):
    futures = [pool.submit(job(name)) for name in ("peak", "deadly", "peak", "peak")]
    with pytest.raises(ProcessCrash, match=r"killed by SIGKILL, as the system does when memory runs out: last words"):
        futures[1].result(60)
    assert [futures[i].result(60)["scores"][0]["numerator"] for i in (0, 2, 3)] == [0.25] * 3


def test_a_job_whose_process_was_killed_by_chance_is_tried_again(pool: ProcessPool, job: Any):
    assert pool.submit(job("once")).result(60)["scores"][0]["numerator"] == 2.0


@pytest.mark.long
def test_a_hang_is_ended_after_the_time_limit(tmp_path: Path, job: Any):
    with scorers(1, tmp_path, 2) as pool:
        with pytest.raises(ProcessCrash, match="no reply within 2 s"):
            pool.submit(job("slow"), attempts=1).result(60)
        assert pool.submit(job("peak")).result(60)["scores"][0]["numerator"] == 0.25


def test_a_process_that_cannot_be_started_is_told_to_whoever_waits_for_it():
    def start() -> Server:
        raise OSError("no memory")

    with Pool(1, start) as pool:
        for _ in range(2):
            with pytest.raises(OSError, match="no memory"):
                pool.submit({}).result(20)


def test_a_bug_in_a_metric_is_a_status_with_its_reason(pool: ProcessPool, job: Any):
    score = pool.submit(job("broken")).result(60)["scores"][0]
    assert (score["status"], score["reason"]) == ("error", "KeyError: 'a bug'")


def test_a_metric_that_cannot_run_at_all_ends_the_run(pool: ProcessPool, job: Any):
    with pytest.raises(CodecBenchError, match="pip install something") as caught:
        pool.submit(job("absent")).result(60)
    assert caught.value.exit_code == 2


@pytest.mark.long
def test_leaving_the_pool_ends_running_and_waiting_jobs_at_once(tmp_path: Path, job: Any):
    started = time.monotonic()
    with scorers(1, tmp_path, 500) as pool:
        futures = [pool.submit(job("slow")) for _ in range(3)]
        while not futures[0].running():
            time.sleep(0.02)
    assert time.monotonic() - started < 20
    assert all(f.done() for f in futures)


def test_workers_end_when_their_parent_is_killed(tmp_path: Path, job: Any):
    script = (
        "import json, sys, time; from codec_bench.processes.pool import ProcessServer;"
        f"w = ProcessServer({SCORER!r}, {{'cache': sys.argv[1]}}, 60); w.call(json.loads(sys.argv[2]));"
        "print(w._process._process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "cache"), json.dumps(job("peak"))],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_until_gone(worker)
