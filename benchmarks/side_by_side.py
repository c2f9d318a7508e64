"""Every benchmark with limits, one after the other, and a table of all figures beside them: what `make bench` runs.

`python benchmarks/side_by_side.py [NAME ...]` runs all, or those named. Each is a script of this folder in a process of
its own, whose JSON lines go to `runs/bench.jsonl`. A figure beyond its limit is said, and no error; a benchmark that
breaks is one. What it needs beyond the checkout it finds as tests do, or it says what is missing and is left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from limits import Limit

from codec_bench.grids import Grid

HERE = Path(__file__).parent
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
BENCHMARKS: dict[str, tuple[list[str], dict[str, str]]] = {
    "metric_cost": ([], ONE_THREAD),
    "signal_cost": ([], ONE_THREAD),
    "learned_metrics": ([], ONE_THREAD),
    "probes": ([], ONE_THREAD),
    "two_workers": ([], {}),
    "coding_jobs": ([], {}),
    "cache_size": ([], {}),
    "start_up": ([], {}),
    "report_time": ([], {}),
    "driver_scaling": (["--shared", "1000", "4000"], {}),
    "ray_nodes": ([], {}),
}
"""Arguments and environment of each."""


def main() -> None:
    """Runs them and prints the table."""
    names = sys.argv[1:] or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        raise SystemExit(f"no benchmark {', '.join(unknown)}: choose of {', '.join(BENCHMARKS)}")
    record = Path("runs/bench.jsonl")
    record.parent.mkdir(exist_ok=True)
    rows, broken = [], []
    with record.open("w") as lines:
        for name in names:
            started = time.perf_counter()
            print(f"{name} ...", file=sys.stderr, flush=True)
            arguments, environment = BENCHMARKS[name]
            done = subprocess.run(
                [sys.executable, str(HERE / f"{name}.py"), *arguments],
                env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
            found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
            lines.writelines(json.dumps(result) + "\n" for result in found)
            lines.flush()
            if done.returncode:
                broken.append(name)
            rows += [row for result in found for row in rows_of(name, result)]
            print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    Grid.of(rows).print()
    print(f"{sum(row['verdict'] == 'pass' for row in rows)} of {len(rows)} figures within their limits; {record}")
    if broken:
        raise SystemExit(f"broken: {', '.join(broken)}")


def rows_of(name: str, result: dict[str, object]) -> list[dict[str, str]]:
    """A row for each limit, or for why there is none."""
    if why := result.get("left_out"):
        return [{"benchmark": name, "figure": str(why), "measured": "", "limit": "", "verdict": "left out"}]
    made = result.get("limits", [])
    assert isinstance(made, list)
    return [
        {
            "benchmark": name,
            "figure": limit.what,
            "measured": f"{limit.value:.3g} {limit.unit}",
            "limit": f"{'at least' if limit.at_least else 'at most'} {limit.limit:g} {limit.unit}",
            "verdict": "pass" if limit.holds else "falls short",
        }
        for limit in (Limit(**entry) for entry in made)
    ]


if __name__ == "__main__":
    main()
