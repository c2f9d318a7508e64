"""The pool outlives its workers: crashes, hangs, noise on standard output, missing parents."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec_bench.audio import Audio, write_wav
from codec_bench.errors import CodecBenchError
from codec_bench.files import file_digest
from codec_bench.metrics import metric
from codec_bench.processes.pool import Pool, ProcessPool, Server
from codec_bench.processes.process import ProcessCrash
from codec_bench.reconstruction.worker import SCORER
from tests.processes import pool_worker

WORKER = f"{pool_worker.__name__}:Worker"


def workers(jobs: int, folder: Path, timeout: float) -> ProcessPool:
    return ProcessPool(jobs, WORKER, {"marker": str(folder / "marker")}, timeout)


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[ProcessPool]:
    with workers(2, tmp_path, 60) as made:
        yield made


def values(pool: ProcessPool, *names: str) -> list[float]:
    return [future.result(60)["value"] for future in [pool.submit({"do": name}) for name in names]]


def test_jobs_are_done_and_what_libraries_print_is_no_reply(pool: ProcessPool):
    assert values(pool, "quarter", "noise", "threads") == [0.25, 1.0, 1.0]


def test_a_process_is_started_only_where_none_is_free(tmp_path: Path):
    with workers(3, tmp_path, 60) as pool:
        one_after_the_other = {value for _ in range(50) for value in values(pool, "process")}
        assert len(one_after_the_other) == 1
        at_once = set(values(pool, "process_in_a_while", "process_in_a_while"))
        assert len(at_once) == 2 and one_after_the_other < at_once


def test_a_crash_costs_one_job_and_says_why(pool: ProcessPool):
    futures = [pool.submit({"do": name}) for name in ("quarter", "death", "quarter", "quarter")]
    with pytest.raises(ProcessCrash, match=r"killed by SIGKILL, as the system does when memory runs out: last words"):
        futures[1].result(60)
    assert [futures[i].result(60) for i in (0, 2, 3)] == [{"value": 0.25}] * 3


def test_a_job_whose_process_was_killed_by_chance_is_tried_again(pool: ProcessPool):
    assert values(pool, "death_once") == [2.0]


@pytest.mark.long
def test_a_hang_is_ended_after_the_time_limit(tmp_path: Path):
    with workers(1, tmp_path, 1) as pool:
        with pytest.raises(ProcessCrash, match="no reply within 1 s"):
            pool.submit({"do": "sleep"}, attempts=1).result(60)
        assert values(pool, "quarter") == [0.25]


def test_a_process_that_cannot_be_started_is_told_to_whoever_waits_for_it():
    def start() -> Server:
        raise OSError("no memory")

    with Pool(1, start) as pool:
        for _ in range(2):
            with pytest.raises(OSError, match="no memory"):
                pool.submit({}).result(20)


def test_leaving_the_pool_ends_running_and_waiting_jobs_at_once(tmp_path: Path):
    with workers(1, tmp_path, 500) as pool:
        futures = [pool.submit({"do": "sleep"}) for _ in range(3)]
        while not futures[0].running():
            time.sleep(0.02)
        started = time.monotonic()
    assert time.monotonic() - started < 20
    assert all(f.done() for f in futures)


METRICS = """
from codec_bench.metrics import register_metric
from codec_bench.errors import UnavailableError

@register_metric("absent", better="higher", rate=16000)
def absent(reference, decoded):
    raise UnavailableError("pip install something")

@register_metric("broken", better="higher", rate=16000)
def broken(reference, decoded):
    raise KeyError("a bug")
"""


def test_a_bug_in_a_metric_is_a_status_and_what_cannot_run_at_all_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "pool_metrics.py").write_text(METRICS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    wav = tmp_path / "a.wav"
    write_wav(wav, Audio(np.full(1600, 0.25, np.float32), 16_000))
    source = {"identity": "file:a", "path": str(wav), "digest": file_digest(wav)}
    pair: dict[str, Any] = {"reference": source, "decoded": source, "text": None, "language": None, "generated": False}
    names = ("pool_metrics:broken", "pool_metrics:absent")
    with ProcessPool(1, SCORER, {"cache": str(tmp_path / "cache")}, 60) as pool:
        asked = {name: pair | {"metrics": [name], "codes": [metric(name).code]} for name in names}
        score = pool.submit(asked["pool_metrics:broken"]).result(60)["scores"][0]
        assert score["status"] == "error"
        assert score["reason"].startswith("KeyError: 'a bug' (pool_metrics.py:")
        with pytest.raises(CodecBenchError, match="pip install something") as caught:
            pool.submit(asked["pool_metrics:absent"]).result(60)
    assert caught.value.exit_code == 2
