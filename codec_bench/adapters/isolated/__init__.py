"""Codecs with environments of their own: a folder for each, of what it is (`adapter.py`) and what runs there."""

from __future__ import annotations

from codec_bench.adapters.isolated.base import IsolatedCodec

__all__ = ["IsolatedCodec"]
