"""What trains, in processes that `processes.pool` starts.

A finished training is kept as JSON under the job's address before it is reported, so a killed run repeats the
trainings that were under way and no others.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from codec_bench.cache import ArrayCache
from codec_bench.files import clear, read_json, write_atomically
from codec_bench.probes.frames import KeptFrames
from codec_bench.probes.problem import Problem, Training, training_of
from codec_bench.probes.training import Trainer

logger = logging.getLogger(__name__)


def result_file(cache: Path, address: str) -> Path:
    """Where the result of a job is kept."""
    return cache / "probes" / address[:2] / f"{address[2:]}.json"


def read_result(cache: Path, job: Training) -> dict[str, Any] | None:
    """The result of a job, or None if there is none; one that is damaged is reported, and counts as none."""
    path = result_file(cache, job.address)
    try:
        found = read_json(path)
        _check(found, job.problem)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("the kept training %s is damaged (%s); it is made again", path, error)
        clear(path)
        return None
    made: dict[str, Any] = found
    return made


def _check(found: Any, problem: Problem) -> None:
    """Raises where something is no result of `Trainer.train` for a problem."""
    numbers = [found["dev"], found["dev_loss"], *found["rank"], found["epochs"], found["seconds"]]
    if len(found["rank"]) != 2 or not all(math.isfinite(number) for number in numbers):
        raise ValueError("its numbers are none")
    if set(found["test"]) != set(problem.test):
        raise ValueError("it has other utterances")
    for said in found["test"].values():
        if problem.multi:
            is_whole = len(said["scores"]) == len(problem.symbols) and all(0 <= score <= 1 for score in said["scores"])
        elif problem.recipe.is_sequence:
            texts = [said[kind] for kind in (("answer", "beam") if problem.recipe.beam else ("answer",))]
            is_whole = all(part in problem.symbols for text in texts for part in text.split("\n") if text)
        else:
            is_whole = said["answer"] in problem.symbols
        if not is_whole:
            raise ValueError("an answer is none")


def make_deterministic(device: str) -> None:
    """The same seed gives the same numbers: one thread, and on the CPU only algorithms that repeat.

    On a GPU, torch has no repeating algorithm for the gradients of CTC and of embeddings; numbers may differ there in
    the last digits.
    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(device == "cpu")
    # Nothing reads memory before it is written; to fill all of it first takes a fifth of a training.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def carry_out(job: Training, cache: Path, frames: KeptFrames | None = None) -> dict[str, Any]:
    """The result of a job, trained where no cache has it, on frames of which some may be in memory."""
    key = job.address
    found = read_result(cache, job)
    if found is None:
        make_deterministic(job.device)
        found = Trainer(job, cache, frames).train()
        write_atomically(result_file(cache, key), json.dumps(found, allow_nan=False).encode())
    return found


class Trainings:
    """Serves jobs."""

    def __init__(self, cache: str) -> None:
        self._cache = Path(cache)
        self._frames = KeptFrames(ArrayCache(self._cache / "frames"))

    def answer(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The result of a `Training` as plain data."""
        return carry_out(training_of(job), self._cache, self._frames)
