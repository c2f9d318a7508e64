"""A cluster of several machines, one of which is lost in the middle of a run."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import codec_bench
from codec_bench.reconstruction.engines.cluster import check_versions, connect
from codec_bench.reconstruction.engines.ray import actor_options
from codec_bench.runs.directory import load_run
from tests.command import check_refused, user, user_environment
from tests.small_runs import without_timing

from .test_engines import PLUGINS, processes

cluster_utils = pytest.importorskip("ray.cluster_utils")
pytestmark = pytest.mark.slow

Cluster = cluster_utils.Cluster
SMALL = {"object_store_memory": 100 * 2**20}


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A head without a CPU, where the driver is, and two machines of one CPU each."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(PLUGINS))
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / "theirs"))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_niceness", "0")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **SMALL})
    try:
        cluster.add_node(num_cpus=1, **SMALL)
        cluster.add_node(num_cpus=1, **SMALL)
        yield cluster
    finally:
        cluster.shutdown()


def nodes_of(cluster: Cluster, title: str) -> list[Any]:
    """The machines of a cluster where processes with a title run; other tests may have clusters with such processes."""
    by_raylet = {node.all_processes["raylet"][0].process.pid: node for node in cluster.worker_nodes}
    found = []
    for pid in processes(title):
        try:
            parent = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:  # it has ended meanwhile
            continue
        found += [by_raylet[parent]] if parent in by_raylet else []
    return found


class Here:
    """Says where it is."""

    def node(self) -> str:
        import ray

        found: str = ray.get_runtime_context().get_node_id()
        return found


def test_codecs_are_spread_over_the_machines_however_soon_they_are_asked_for(nodes: Cluster):
    import ray

    connect(nodes.address, 2, gpus=False)
    try:
        for _ in range(5):
            check_versions()  # a CPU that it had would be taken at this moment still
            actors = [ray.remote(Here).options(**actor_options(False)).remote() for _ in range(2)]
            assert len(set(ray.get([actor.node.remote() for actor in actors]))) == 2
            for actor in actors:
                ray.kill(actor)
    finally:
        ray.shutdown()


@pytest.mark.parametrize("during", ["Coding", "Scoring"])
def test_a_machine_that_is_lost_costs_nothing(
    nodes: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, during: str
):
    options = ["--codec", "engine_plugins:Slow", "--dataset", "demo", "--limit", "4", "--no-report"]
    options += ["--metrics", "engine_plugins:tired", "--out", str(tmp_path / "out")]
    command = [sys.executable, "-m", "codec_bench", "run", *options, "--engine", "ray", "--ray-address", nodes.address]
    environment = os.environ | {"CODEC_BENCH_HOME": str(tmp_path / "ours")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (used := nodes_of(nodes, f"ray::{during}.call")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    nodes.remove_node(used[0], allow_graceful=False)
    try:
        _, errors = process.communicate(timeout=150)
    except subprocess.TimeoutExpired:
        process.kill()
        pytest.fail(f"the run waits for the machine that is gone: {process.communicate()[1]}")
    assert process.returncode == 0, errors
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / "local"))
    for plugins in PLUGINS:
        monkeypatch.syspath_prepend(plugins)
    local = codec_bench.run(
        "engine_plugins:Slow", "demo", limit=4, metrics=["engine_plugins:tired"], report=False, out=tmp_path / "alone"
    )
    assert without_timing(load_run(tmp_path / "out")) == without_timing(local)
    assert set(local.scores.status) == {"ok"}


@pytest.mark.as_user
def test_a_cluster_that_wants_a_token_says_what_to_set_and_takes_it(tmp_path: Path):
    """Ray itself, as it is started by hand: what it says of tokens is its own, and differs between versions."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    port = address.partition(":")[2]
    started = f"start --head --block --port {port} --num-cpus 1 --include-dashboard false --disable-usage-stats".split()
    options = ("--dataset", "demo", "--sample", "1", "--metrics", "stoi", "--no-report", "--out", "out")
    words = ("run", "--codec", "codec2@1200", *options, "--engine", "ray", "--ray-address", address)
    with TemporaryDirectory() as folder:  # the path of a socket has to be short
        head = subprocess.Popen(
            [Path(sys.executable).with_name("ray"), *started, "--temp-dir", folder],
            env=user_environment(tmp_path) | token, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 120
            while not list(Path(folder).glob("session_latest/logs/raylet.out")):
                assert head.poll() is None and time.monotonic() < deadline
                time.sleep(0.2)
            check_refused(
                user(tmp_path, *words), f"{address} wants a token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN"
            )
            done = user(tmp_path, *words, **token)
            assert done.returncode == 0, done.stderr
        finally:
            head.send_signal(signal.SIGTERM)  # which ends what it started
            with suppress(subprocess.TimeoutExpired):
                head.wait(30)
            with suppress(ProcessLookupError):
                os.killpg(head.pid, signal.SIGKILL)
