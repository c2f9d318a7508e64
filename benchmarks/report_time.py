"""How long `codec-bench report` takes for a large run with all its pictures, beside how long a small one takes.

The runs have drawn scores of five systems and five metrics by fifty speakers; see `driver_scaling.made_up`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from driver_scaling import made_up, make
from limits import Limit, publish

SMALL, LARGE = 100, 2000
CODECS = ["codec2@3200", "codec2@1200", "opus@6000", "opus@12000", "gsm"]


def seconds(folder: Path, count: int) -> float:
    """Wall time of the command for a run of so many utterances."""
    here = folder / str(count)
    here.mkdir()
    made_up(make(here, count, 10), here / "run", CODECS)
    command = [sys.executable, "-m", "codec_bench", "report", "run", "--out", "report"]
    started = time.perf_counter()
    subprocess.run(command, check=True, cwd=here, capture_output=True)
    taken = time.perf_counter() - started
    if not list((here / "report/plots").glob("*.png")):
        raise SystemExit("the report has no pictures")
    return taken


def main() -> None:
    """Measures the small one, then the large one."""
    with tempfile.TemporaryDirectory() as name:
        os.environ["CODEC_BENCH_HOME"] = str(Path(name, "home"))
        small, large = (seconds(Path(name), count) for count in (SMALL, LARGE))
    limit = Limit(f"report of {LARGE} utterances x {len(CODECS)} systems x 5 metrics, with pictures", large, 10.0, "s")
    publish("report", [limit], seconds={str(SMALL): round(small, 2), str(LARGE): round(large, 2)})


if __name__ == "__main__":
    main()
