"""Codecs that run in an environment of their own: `codec.py` says what one is, `worker.py` runs over there."""

from __future__ import annotations

from codec_bench.adapters.isolated.base import IsolatedCodec

__all__ = ["IsolatedCodec"]
