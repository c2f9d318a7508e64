"""What trains, in processes that `processes.pool` starts.

A finished training is kept as JSON under the job's address before it is reported, so a killed run repeats the
trainings that were under way and no others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from codec_bench.files import write_atomically
from codec_bench.probes.problem import Training, training_of
from codec_bench.probes.training import Trainer


def result_file(cache: Path, address: str) -> Path:
    """Where the result of a job is kept."""
    return cache / "probes" / address[:2] / f"{address[2:]}.json"


def read_result(cache: Path, address: str) -> dict[str, Any] | None:
    """The result of a job, or None if there is none that can be read."""
    try:
        found: dict[str, Any] = json.loads(result_file(cache, address).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def make_deterministic(device: str) -> None:
    """The same seed gives the same numbers: one thread, and on the CPU only algorithms that repeat.

    On a GPU, torch has no repeating algorithm for the gradients of CTC and of embeddings; numbers may differ there in
    the last digits.
    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(device == "cpu")


def carry_out(job: Training, cache: Path) -> dict[str, Any]:
    """The result of a job, trained where no cache has it."""
    key = job.address
    found = read_result(cache, key)
    if found is None:
        make_deterministic(job.device)
        found = Trainer(job, cache).train()
        write_atomically(result_file(cache, key), json.dumps(found, allow_nan=False).encode())
    return found


class Trainings:
    """Serves jobs."""

    def __init__(self, cache: str) -> None:
        self._cache = Path(cache)

    def answer(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The result of a `Training` as plain data."""
        return carry_out(training_of(job), self._cache)
