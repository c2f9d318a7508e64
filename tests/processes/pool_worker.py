"""A worker that does what a job says."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path


class Worker:
    def __init__(self, marker: str) -> None:
        self.marker = Path(marker)

    def answer(self, job: dict[str, str]) -> dict[str, float]:
        return {"value": getattr(self, job["do"])()}

    def quarter(self) -> float:
        return 0.25

    def threads(self) -> float:
        return float(os.environ["OMP_NUM_THREADS"])

    def process(self) -> float:
        return os.getpid()

    def process_in_a_while(self) -> float:
        time.sleep(1)
        return os.getpid()

    def noise(self) -> float:
        print("a line on standard output")  # noqa: T201
        os.write(1, b"and one past Python\n")
        return 1.0

    def death(self) -> None:
        print("last words", file=sys.stderr, flush=True)  # noqa: T201
        os.kill(os.getpid(), signal.SIGKILL)

    def death_once(self) -> float:
        if not self.marker.exists():
            self.marker.touch()
            os._exit(3)
        return 2.0

    def sleep(self) -> None:
        time.sleep(600)
