"""What a run, a report and a comparison cost far beyond the usual. Prints one JSON object per case.

`python benchmarks/extremes.py [CASE ...]`, each case in a fresh process with a fresh cache:

- `systems`: 1,000 systems (a test codec at 1,000 settings) on 10 utterances, a whole run of one metric;
- `hours`: one recording of three hours, a whole run of one metric;
- `report`: one table and page of 50 runs of 100 utterances each, three systems and five metrics, with made-up scores;
- `compare`: two runs of 20,000 utterances, three systems and five metrics, with made-up scores;
- `page`: the page of a run of 20,000 utterances, three systems and five metrics;
- `large_page`: the same of 50,000 utterances.

CPU seconds are those of the driver alone, as in `driver_scaling.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import driver_scaling
import numpy as np

HOURS = 3
UTTERANCES = 20_000


def systems(folder: Path) -> dict[str, float]:
    """A thousand settings of one codec."""
    import codec_bench

    manifest = driver_scaling.make(folder, 10, 10)
    codecs = [f"test-lowpass@{frequency}" for frequency in range(1000, 3000, 2)]
    codec_bench.run(codecs, str(manifest), metrics=["si_sdr"], jobs=1, ground_truth=False, out=folder / "out")
    return {"page_mb": size_mb(folder / "out" / "report.html")}


def hours(folder: Path) -> dict[str, float]:
    """One recording that is longer than any utterance."""
    import soundfile

    import codec_bench

    noise = np.random.default_rng(0).normal(0, 0.1, HOURS * 3600 * driver_scaling.RATE).astype(np.float32)
    soundfile.write(folder / "long.wav", noise, driver_scaling.RATE)
    del noise
    (folder / "long.tsv").write_text("id\tpath\nlong\tlong.wav\n")
    codec_bench.run(
        "test-lowpass@1000", str(folder / "long.tsv"), metrics=["si_sdr"], jobs=1, report=False, out=folder / "out"
    )
    value = codec_bench.load_run(folder / "out").summary["value"]
    return {"values": int(value.notna().sum())}


def report(folder: Path) -> dict[str, float]:
    """Fifty runs side by side."""
    from codec_bench.reports.report import write_report

    manifest = driver_scaling.make(folder, 100, 100)
    runs = [driver_scaling.made_up(manifest, folder / f"run{number}") for number in range(50)]
    used = time.process_time()
    write_report(runs, folder / "report", formats=("md", "html"), plots=True, plot_kinds=("bitrate",))
    return {
        "report_cpu_seconds": round(time.process_time() - used, 1),
        "page_mb": size_mb(folder / "report/report.html"),
    }


def compare(folder: Path) -> dict[str, float]:
    """Two runs of a large data set, as the command compares them."""
    manifest = driver_scaling.make(folder, UTTERANCES, 1000)
    paths = [str(driver_scaling.made_up(manifest, folder / name).path) for name in ("one", "two")]
    command = [sys.executable, "-m", "codec_bench", "compare", *paths]
    before = os.times()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return {"compare_cpu_seconds": round(spent, 1), "exit_code": done.returncode}


def page(folder: Path, utterances: int = UTTERANCES) -> dict[str, float]:
    """The page of a large data set."""
    from codec_bench.reports.report import write_report

    run = driver_scaling.made_up(driver_scaling.make(folder, utterances, 1000), folder / "run")
    used = time.process_time()
    write_report([run], folder / "run", formats=("md", "html"), plots=True, plot_kinds=("bitrate",))
    found = {"report_cpu_seconds": round(time.process_time() - used, 1), "page_mb": size_mb(folder / "run/report.html")}
    beside = folder / "run/report_data.js"
    return found | ({"beside_mb": size_mb(beside)} if beside.exists() else {})


def large_page(folder: Path) -> dict[str, float]:
    """The page of a data set whose scores would not fit into one."""
    return page(folder, 50_000)


CASES: dict[str, Callable[[Path], dict[str, float]]] = {
    "systems": systems,
    "hours": hours,
    "report": report,
    "compare": compare,
    "page": page,
    "large_page": large_page,
}


def size_mb(path: Path) -> float:
    """Size of a file."""
    return round(path.stat().st_size / 1e6, 1)


def main() -> None:
    """Measures each case."""
    if sys.argv[1:2] == ["--measure"]:
        started, used = time.perf_counter(), time.process_time()
        found = CASES[sys.argv[2]](Path(sys.argv[3]))
        found["driver_cpu_seconds"] = round(time.process_time() - used, 1)
        found["seconds"] = round(time.perf_counter() - started, 1)
        found["peak_mb"] = round(driver_scaling.peak_mb())
        print(json.dumps(found))
        return
    for name in sys.argv[1:] or CASES:
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"CODEC_BENCH_HOME": f"{folder}/home", "OMP_NUM_THREADS": "1"}
            command = [sys.executable, __file__, "--measure", name, folder]
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        print(json.dumps({"case": name} | json.loads(done.stdout.splitlines()[-1])), flush=True)


if __name__ == "__main__":
    main()
