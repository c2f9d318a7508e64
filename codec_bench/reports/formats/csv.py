"""Tables as tidy CSV: one row per system with everything that is known about it, for spreadsheets and programs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from codec_bench.csv_files import csv_of
from codec_bench.discretion import discreet_text
from codec_bench.reports.cells import Table

FACTS = (
    "table", "kind", "dataset", "section", "group", "condition", "system", "run", "bitrate_kbps", "bitrate_source",
    "frame_rate_hz", "tokens_per_second", "codebooks", "parameters", "causal", "streaming", "known_answers",
)  # fmt: skip
PARTS = ("", "_low", "_high", "_n", "_expected")
"""Suffixes of a column's label: value, interval, utterances with a value, utterances that should have one."""


def tidy_csv(tables: Sequence[Table]) -> str:
    """One CSV for all tables; numbers have all their digits.

    A field is empty if there is no value, and if a column belongs to another table or was not requested; `_n`
    and `_expected` tell these apart. Tables are numbered from 1 in the column `table`.
    """
    labels = list(dict.fromkeys(column.label for table in tables for column in table.columns))
    rows: list[list[Any]] = [[*FACTS, *(label + part for label in labels for part in PARTS)]]
    for number, table in enumerate(tables, 1):
        for section in table.sections:
            for row in section.rows:
                cost = row.efficiency
                facts: list[Any] = [
                    number, table.kind, table.dataset, section.title, row.group, row.condition, row.label,
                    discreet_text(row.run), row.bitrate, row.bitrate_source, row.frame_rate, cost.tokens_per_second,
                    cost.codebooks, cost.parameters, _truth(cost.causal), _truth(cost.streaming),
                    row.known_answers or None,
                ]  # fmt: skip
                for label in labels:
                    cell = row.cells.get(label)
                    known = cell is not None and cell.expected > 0
                    facts += [cell.value, cell.low, cell.high, cell.n, cell.expected] if cell and known else [None] * 5
                rows.append(facts)
    return csv_of(rows).decode()


def _truth(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()


def grid_csvs(tables: Sequence[Table]) -> dict[str, str]:
    """What was asked for besides as a CSV each, by the end of its file's name: texts as tables show them.

    The first columns are the number of the table, as in `tidy_csv`, and the heading that a row stands under.
    """
    found: dict[str, list[list[Any]]] = {}
    for number, table in enumerate(tables, 1):
        for grid in table.extras:
            lines = found.setdefault(file_name(grid.title), [["table", "section", *grid.headings]])
            section = ""
            for row in grid.rows:
                texts = [cell if isinstance(cell, str) else cell.text for cell in row]
                if len(texts) == 1:
                    section = texts[0]
                else:
                    lines.append([number, section, *texts])
    return {name: csv_of(lines).decode() for name, lines in found.items()}


def file_name(title: str) -> str:
    """A title as part of the name of a file.

    >>> file_name("Equal to opus at so many kbit/s")
    'equal-to-opus-at-so-many-kbit-s'
    """
    return "-".join(re.findall("[a-z0-9.]+", title.lower()))
