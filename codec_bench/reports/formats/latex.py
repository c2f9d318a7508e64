r"""Tables as LaTeX for a paper, with the package booktabs and nothing else.

What is written is a fragment for `\input`: one `table*` per block of columns that fits the page, with a caption, group
headings, and the footnotes below. Arrows give the direction; the best of a group are bold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

from codec_bench.grids import Grid
from codec_bench.reports.cells import Cell, Section, Table, TableColumn, TableRow, setting_headings
from codec_bench.reports.formats.tex import comment, escape
from codec_bench.runs.directory import ARROWS

PAGE_WIDTH = 469.0
r"""\textwidth in points of LaTeX's two-column article; IEEE's and Interspeech's are wider."""

MAX_LINES = 32
"""Rows and group headings of one float; more would not fit the height of a page."""

LONGEST_VARIANT = 16
"""Characters; a longer variant of a metric (a recogniser with its model) is named below the table."""

_SMALL, _TINY = 4.8, 3.9  # points that a character takes in \small and \scriptsize, with some room: digits, lower case
_GAP = 8.0  # twice \tabcolsep as set below
_ARROWS = {ARROWS["higher"]: r"$\uparrow$", ARROWS["lower"]: r"$\downarrow$"}


class _Float(NamedTuple):
    title: str
    columns: tuple[TableColumn, ...]
    sections: tuple[Section, ...]


def latex(
    tables: Sequence[Table], *, intervals: bool = True, efficiency: bool = False, page_width: float = PAGE_WIDTH
) -> str:
    r"""A fragment with all tables, for plain pdfLaTeX (XeLaTeX and LuaLaTeX read it too).

    Args:
        tables: What to write.
        intervals: Whether each value has its interval.
        efficiency: Whether there is a block of what systems cost.
        page_width: \textwidth of the paper in points; a block of columns that is wider is split.
    """
    return (
        comment("Written by codec-bench. It needs \\usepackage{booktabs}; put it into a paper with \\input.")
        + comment(f"Each table is at most {page_width:g} pt wide.")
        + "\n".join(_table(table, intervals, efficiency, page_width) for table in tables)
    )


def _table(table: Table, intervals: bool, efficiency: bool, page_width: float) -> str:
    marks = _marks(table.columns)
    parts = list(_parts(table, intervals, page_width, marks))
    if efficiency:
        parts = [*_numbered("Efficiency", [((), sections) for sections in _chunks(table.sections)]), *parts]
    floats = []
    for i, part in enumerate(parts):
        # Notes needed to read a number go below every float; the others below the last one.
        # What is explained of `extras` has no table here.
        apart = {table.setup, *table.extra_notes}
        notes = [n for n in table.notes(intervals) if n not in apart] if i == len(parts) - 1 else []
        explained = [f"$^{mark}$ {escape(c.variant)}" for c in part.columns if (mark := marks.get(c.label))]
        floats.append(_float(part, table, [*explained, *map(escape, notes), escape(table.setup)], intervals, marks))
    floats += [_grid(grid) for grid in table.extras]
    if table.extras:
        floats.append("".join(rf"\noindent {{\footnotesize {escape(note)}}}\par" + "\n" for note in table.extra_notes))
    definitions = "".join(comment(note) for note in table.definitions)
    return "\n".join(floats) + definitions


def _grid(grid: Grid) -> str:
    """A table of what was asked for besides, as wide as it is; a row of one text is the heading of those below it."""
    count = len(grid.headings)
    columns = "".join("r" if place in grid.right else "l" for place in range(count))
    lines = [
        r"\begin{table*}[tp]",
        r"\centering\scriptsize",
        rf"\caption{{{escape(grid.title)}}}",
        r"\setlength{\tabcolsep}{4pt}",
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
        " & ".join(map(escape, grid.headings)) + r" \\",
        r"\midrule",
    ]
    for row in grid.rows:
        texts = [escape(cell if isinstance(cell, str) else cell.text) for cell in row]
        lone = rf"\multicolumn{{{count}}}{{@{{}}l@{{}}}}{{\itshape {texts[0]}}}"
        lines.append((lone if len(texts) == 1 else " & ".join(texts)) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table*}", ""])


def _parts(table: Table, intervals: bool, page_width: float, marks: dict[str, str]) -> Iterator[_Float]:
    """The blocks of the table, split where they are wider or longer than a page."""
    fixed = sum(_width(texts) for texts in ([r.label for r in table.rows], ["00.00"], ["000.00"]))
    chunks = _chunks(table.sections)
    for title, columns in table.blocks:
        pieces: list[list[TableColumn]] = [[]]
        used = fixed
        for column in columns:
            width = _column_width(column, table.rows, intervals, marks)
            if pieces[-1] and used + width > page_width:
                pieces.append([])
                used = fixed
            pieces[-1].append(column)
            used += width
        yield from _numbered(title, list(product(pieces, chunks)))


def _numbered(title: str, parts: Sequence[tuple[Sequence[TableColumn], tuple[Section, ...]]]) -> Iterator[_Float]:
    for i, (columns, sections) in enumerate(parts, 1):
        yield _Float(title if len(parts) == 1 else f"{title}, {i} of {len(parts)}", tuple(columns), sections)


def _chunks(sections: Sequence[Section]) -> list[tuple[Section, ...]]:
    """Sections in groups of at most `MAX_LINES` lines; a longer one continues under its heading."""
    chunks: list[list[Section]] = [[]]
    left = MAX_LINES
    for section in sections:
        rows = section.rows
        title = section.title
        while rows:
            if left < 2 or (left < 4 and len(rows) > left - 1):
                chunks.append([])
                left = MAX_LINES
            now, rows = rows[: left - 1], rows[left - 1 :]
            chunks[-1].append(Section(title, now))
            left -= 1 + len(now)
            title = f"{section.title} (continued)"
    return [tuple(chunk) for chunk in chunks]


def _float(part: _Float, table: Table, notes: Sequence[str], intervals: bool, marks: dict[str, str]) -> str:
    is_efficiency = not part.columns
    settings = setting_headings(is_efficiency)
    count = 1 + len(settings) + len(part.columns)
    headings = ["system", *map(escape, settings), *(_heading(c, marks) for c in part.columns)]
    lines = [
        r"\begin{table*}[tp]",
        r"\centering\small",
        rf"\caption{{{escape(f'{part.title}. {table.caption}')}}}",
        r"\setlength{\tabcolsep}{4pt}",
        rf"\begin{{tabular}}{{@{{}}l{'r' * (count - 1)}@{{}}}}",
        r"\toprule",
        " & ".join(headings) + r" \\",
    ]
    for section in part.sections:
        lines += [r"\midrule", rf"\multicolumn{{{count}}}{{@{{}}l@{{}}}}{{\itshape {escape(section.title)}}} \\"]
        for row in section.rows:
            cells = [escape(row.label), *map(escape, row.settings(is_efficiency))]
            cells += [_cell(row.cells[c.label], intervals) for c in part.columns]
            lines.append(" & ".join(cells) + r" \\")
    lines += [
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip",
        rf"\parbox{{\textwidth}}{{\footnotesize\raggedright {' '.join(notes)}}}",
        r"\end{table*}",
        "",
    ]
    return "\n".join(lines)


def _heading(column: TableColumn, marks: dict[str, str]) -> str:
    """Title, unit and arrow, with a short variant above them."""
    mark = marks.get(column.label)
    below = " ".join(filter(None, [escape(column.unit), _ARROWS[ARROWS[column.better]] if column.better else ""]))
    small = [escape(column.variant) if not mark else "", below]
    lines = [escape(column.title) + (f"$^{mark}$" if mark else "")]
    lines += [rf"{{\scriptsize {text}}}" for text in small if text]
    stacked = r" \\ ".join(lines)
    return stacked if len(lines) == 1 else rf"\shortstack[r]{{{stacked}}}"


def _cell(cell: Cell, intervals: bool) -> str:
    number = _signed(cell.number)
    number = rf"\textbf{{{number}}}" if cell.is_best else number
    interval = rf" {{\scriptsize {_signed(cell.interval)}}}" if intervals and cell.interval else ""
    return number + interval + (rf" {{\scriptsize({cell.coverage})}}" if cell.coverage else "")


def _signed(number: str) -> str:
    return escape(number).replace("-", "$-$")


def _column_width(column: TableColumn, rows: Sequence[TableRow], intervals: bool, marks: dict[str, str]) -> float:
    widths = [
        _SMALL * len(c.number) + _TINY * (len(c.shown(intervals)) - len(c.number))
        for c in (row.cells[column.label] for row in rows)
    ]
    variant = 0 if column.label in marks else len(column.variant)
    heading = max(_SMALL * (len(column.title) + 1), _TINY * max(variant, len(column.unit) + 3))
    return max([heading, *widths]) + _GAP


def _width(texts: Sequence[str]) -> float:
    return _SMALL * max(map(len, texts), default=0) + _GAP


def _marks(columns: Sequence[TableColumn]) -> dict[str, str]:
    """Letters for the variants that are too long for a heading."""
    long = [c for c in columns if len(c.variant) > LONGEST_VARIANT]
    letters = {v: chr(ord("a") + i % 26) * (1 + i // 26) for i, v in enumerate(dict.fromkeys(c.variant for c in long))}
    return {c.label: letters[c.variant] for c in long}
