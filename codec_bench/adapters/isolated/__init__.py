"""Codecs that run in an environment of their own: what they are; `worker.py` in a folder of each runs over there."""

from __future__ import annotations

from codec_bench.adapters.isolated.base import IsolatedCodec

__all__ = ["IsolatedCodec"]
