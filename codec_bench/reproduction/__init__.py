"""The tables that papers published, and what this machine measures for the same rows."""

from __future__ import annotations

from codec_bench.reproduction.paper import (
    Paper,
    Protocol,
    PublishedColumn,
    PublishedRow,
    PublishedTable,
    find_tables,
    load_paper,
    paper_names,
)

__all__ = [
    "Paper",
    "Protocol",
    "PublishedColumn",
    "PublishedRow",
    "PublishedTable",
    "find_tables",
    "load_paper",
    "paper_names",
]
