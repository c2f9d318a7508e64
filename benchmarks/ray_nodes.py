"""What a second node of a Ray cluster gains: the same run on a local cluster of one and of two nodes of a CPU each.

Each node is held to a core of its own. Coding by a codec of EnCodec's size with random weights, in a process of one
thread per node, and scoring by signal metrics. What a run of one file takes on the same cluster (start, imports,
loading) is taken off both; the median of such differences counts. Needs the extra `ray`.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from limits import Limit, publish
from material import manifest

CODEC = "encodec_sized:EncodecSized"
FILES, SECONDS, ROUNDS = 24, 4, 3
METRICS = ["pesq_wb", "stoi", "estoi", "gpe", "mcd"]
SMALL = {"object_store_memory": 100 * 2**20}


def main() -> None:
    """Measures one node, then two."""
    try:
        from ray.cluster_utils import Cluster
    except ImportError as error:
        publish("nodes of a Ray cluster", [], left_out=f"ray is not installed: {error}")
        return
    here = str(Path(__file__).parent)
    os.environ |= {
        "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0",
        "PYTHONPATH": os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH", "")))),
    }  # fmt: skip
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        publish("nodes of a Ray cluster", [], left_out="two nodes need two cores")
        return
    seconds: dict[int, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        data = str(manifest(Path(name), FILES, SECONDS))
        for nodes in (1, 2):
            os.environ["CODEC_BENCH_HOME"] = str(Path(name, f"nodes{nodes}"))
            cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **SMALL})
            try:
                for node in range(nodes):
                    os.sched_setaffinity(0, {cores[node]})  # which its processes inherit
                    cluster.add_node(num_cpus=1, **SMALL)
                os.sched_setaffinity(0, cores)
                rounds = [Path(name, f"nodes{nodes}-round{number}") for number in range(ROUNDS)]
                seconds[nodes] = [measured(data, cluster.address, folder, nodes) for folder in rounds]
            finally:
                os.sched_setaffinity(0, cores)
                cluster.shutdown()
    gain = statistics.median(seconds[1]) / statistics.median(seconds[2])
    ratio = Limit("two nodes of a Ray cluster over one", gain, 1.8, at_least=True)
    publish("nodes of a Ray cluster", [ratio], seconds=seconds)


def measured(data: str, address: str, folder: Path, nodes: int) -> float:
    """Wall seconds of a run on a cluster, less those of a run of its first file."""
    from codec_bench import run

    taken = []
    for limit in (1, None):
        os.environ["CODEC_BENCH_HOME"] = str(folder / f"home{limit}")
        started = time.perf_counter()
        run(
            CODEC, data, metrics=METRICS, limit=limit, engine="ray", ray_address=address, device="cpu",
            coding_jobs=nodes, ground_truth=False, report=False, out=folder / f"run{limit}",
        )  # fmt: skip
        taken.append(time.perf_counter() - started)
    return taken[1] - taken[0]


if __name__ == "__main__":
    main()
