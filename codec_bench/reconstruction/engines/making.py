"""The engine that a configuration asks for."""

from __future__ import annotations

from pathlib import Path

from codec_bench.reconstruction.config import RunConfig
from codec_bench.reconstruction.engines.engine import Engine
from codec_bench.reconstruction.engines.local import LocalEngine


def make_engine(config: RunConfig, cache: Path) -> Engine:
    """The engine that a configuration asks for, with the folder of the caches; nothing is started yet.

    Raises:
        UnavailableError: Ray is not installed.
        UsageError: Ray is asked for a GPU by its number.
    """
    if config.engine == "local":
        return LocalEngine(config, cache)
    from codec_bench.reconstruction.engines.ray import RayEngine

    return RayEngine(config, cache)
