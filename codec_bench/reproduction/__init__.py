"""The tables that papers published, and what this machine measures for the same rows."""

from __future__ import annotations

from codec_bench.reproduction.paper import Column, Paper, Protocol, Row, Table, find_tables, load_paper, paper_names

__all__ = ["Column", "Paper", "Protocol", "Row", "Table", "find_tables", "load_paper", "paper_names"]
