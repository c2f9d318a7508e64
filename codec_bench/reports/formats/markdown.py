"""Tables as Markdown, which a pull request, a wiki and a terminal show."""

from __future__ import annotations

from collections.abc import Sequence

from codec_bench.markdown import escape, table_row
from codec_bench.reports.cells import Cell, Table, TableColumn, setting_headings


def markdown(table: Table, *, intervals: bool = True, efficiency: bool = False) -> str:
    """One table, with bold and underlined marks.

    Args:
        table: What to write.
        intervals: Whether each value has its ±.
        efficiency: Whether tokens per second, codebooks, parameters, causal and streaming are a block of their own.
    """
    parts = [f"**{escape(table.caption)}**"]
    if efficiency:
        parts.append(_block(table, "Efficiency", (), intervals))
    parts += [_block(table, title, columns, intervals) for title, columns in table.blocks]
    parts.append("\n".join(f"- {escape(note)}" for note in (*table.notes(intervals), *table.definitions)))
    return "\n\n".join(parts) + "\n"


def markdown_page(tables: Sequence[Table], *, intervals: bool = True, efficiency: bool = False) -> str:
    """Several tables in one file."""
    return "\n".join(markdown(table, intervals=intervals, efficiency=efficiency) for table in tables)


def _block(table: Table, title: str, columns: Sequence[TableColumn], intervals: bool) -> str:
    """Metrics side by side; without any, what the systems cost."""
    headings = ["system", *setting_headings(not columns), *(escape(c.heading, "\\`*<>|") for c in columns)]
    lines = [f"### {escape(title)}", "", table_row(headings), table_row(["---", *["---:"] * (len(headings) - 1)])]
    for section in table.sections:
        lines.append(table_row([f"*{escape(section.title)}*", *[""] * (len(headings) - 1)]))
        for row in section.rows:
            values = [_cell(row.cells[c.label], intervals) for c in columns]
            lines.append(table_row([escape(row.label), *row.settings(not columns), *values]))
    return "\n".join(lines)


def _cell(cell: Cell, intervals: bool) -> str:
    text = cell.shown(intervals)
    return {1: f"**{text}**", 2: f"<u>{text}</u>"}.get(cell.rank, text)
