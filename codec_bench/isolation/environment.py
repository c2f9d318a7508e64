"""Where `codec_bench.environments` was; plug-ins import it from here."""

from __future__ import annotations

from codec_bench.environments import Environment, Source

__all__ = ["Environment", "Source"]
