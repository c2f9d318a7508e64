"""The engine that a configuration asks for."""

from __future__ import annotations

from pathlib import Path

from codec_bench.coding.local import LocalCoders
from codec_bench.processes.pool import worker_count
from codec_bench.reconstruction.config import RunConfig
from codec_bench.reconstruction.engines.engine import Engine
from codec_bench.reconstruction.engines.local import LocalEngine


def make_engine(config: RunConfig, cache: Path) -> Engine:
    """The engine that a configuration asks for; nothing is started yet.

    Args:
        config: Options of the run.
        cache: Folder of the caches.

    Raises:
        UnavailableError: Ray is not installed.
    """
    if config.engine == "ray":
        from codec_bench.reconstruction.engines.ray import RayEngine

        return RayEngine(
            cache,
            jobs=config.jobs,
            device=config.device,
            timeout=config.timeout,
            batch_seconds=config.batch_seconds,
            address=config.ray_address,
            checkpoint=config.checkpoint,
        )
    coders = LocalCoders(
        cache,
        config.device,
        config.batch_seconds,
        timeout=config.timeout,
        jobs=config.coding_jobs,
        checkpoint=config.checkpoint,
    )
    return LocalEngine(cache, worker_count(config.jobs), coders, config.device, config.timeout)
