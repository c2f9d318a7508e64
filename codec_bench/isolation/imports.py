"""Whether what runs in an environment can be imported there, which `codec-bench env create` asks at its end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from codec_bench.environments import Environment
from codec_bench.processes.process import ProcessCrash, WorkerError, WorkerProcess

SECONDS = 900.0
"""Networks of half a billion parameters are built on the way."""


def import_problem(
    environment: Environment, worker: Path, variables: Mapping[str, str], mode: str | None = None
) -> str | None:
    """Why a worker module or a source below it cannot be imported in an environment, in one line; None if it can.

    The worker loads until it asks for its first weight, in a process as those that code, and whatever it imports later
    is tried then; so no weights are needed, and nothing of ours is seen that the environment does not see. The
    environment need not be ready.

    Args:
        environment: Where; its interpreter and its sources have to be there.
        worker: File of the worker module.
        variables: Environment variables to set.
        mode: What the worker gets as its `mode`.
    """
    sources = {source.repository: str(environment.source_folder(source)) for source in environment.sources}
    try:
        process = WorkerProcess(worker, variables, python=environment.interpreter)
        try:
            header, _ = process.exchange({"op": "imports", "sources": sources, "mode": mode}, {}, SECONDS)
        finally:
            process.close()
    except (ProcessCrash, WorkerError, OSError) as error:
        return " ".join(str(error).split())
    found = header["problem"]
    return " ".join(str(found).split()) if found else None
