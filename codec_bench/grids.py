"""A grid of texts: ruled on a terminal, Markdown in a file or a pipe, tab-separated for programs."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from codec_bench import terminal

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

SIGNS = "\\`*_<>|[]"
"""Characters with a meaning in Markdown inside a line."""

HEADING_SIGNS = "\\`*<>|"
"""What it reads so inside a heading of a table, where brackets and underlines are common and harmless."""


def escape(text: str, signs: str = SIGNS) -> str:
    r"""Markdown that shows a text as it is, on one line: names of systems, data sets and columns come from users.

    Args:
        text: What is to be read.
        signs: What is escaped.

    >>> escape("a|b_<c> &lt;\n# x")
    'a\\|b\\_&lt;c&gt; &amp;lt; # x'
    """
    text = re.sub(r"&(?=#?\w+;)", "&amp;", " ".join(terminal.shown(text).split()))
    for sign in signs:
        text = text.replace(sign, {"<": "&lt;", ">": "&gt;"}.get(sign, f"\\{sign}"))
    return text


@dataclass(frozen=True)
class Marked:
    """A text that stands out.

    Attributes:
        text: What is read.
        style: How it looks on a terminal, as `rich` names it.
        markdown: What is around it in Markdown.
    """

    text: str
    style: str = ""
    markdown: str = "{}"


@dataclass(frozen=True)
class Grid:
    """Rows of texts below headings; a row of one text alone is the heading of those below it.

    Attributes:
        headings: One per column.
        rows: One text per column each, or one alone.
        title: What stands above it.
        right: Columns whose texts end at the right, as numbers do.
        whole: Columns that a narrow terminal does not break.
        is_ruled: Whether a terminal shows lines around it, not only below the headings.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str | Marked]]
    title: str = ""
    right: Collection[int] = ()
    whole: Collection[int] = ()
    is_ruled: bool = field(default=True, kw_only=True)

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], title: str = "") -> Grid:
        """A grid of rows that have the same keys, which are its headings."""
        found = list(rows)
        return cls([*found[0]] if found else [], [[str(value) for value in row.values()] for row in found], title)

    def markdown(self, escaped: Callable[[str], str] = escape) -> str:
        """The grid as a table of Markdown, without its title; `escaped` makes a cell Markdown that shows what it is."""
        rule = ["---:" if place in self.right else "---" for place in range(len(self.headings))]
        lines = [[escape(heading, HEADING_SIGNS) for heading in self.headings], rule]
        for row in self.rows:
            cells = [
                cell.markdown.format(escaped(cell.text)) if isinstance(cell, Marked) else escaped(cell) for cell in row
            ]
            lines.append(cells + [""] * (len(self.headings) - len(cells)))
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def html(self) -> str:
        """The grid as a `<table>`, without its title."""

        def line(cells: Sequence[str | Marked], tag: str) -> str:
            texts = [cell.text if isinstance(cell, Marked) else cell for cell in cells]
            return f"<tr>{''.join(f'<{tag}>{html.escape(text)}</{tag}>' for text in texts)}</tr>"

        rows = "".join(line(row, "td") for row in self.rows)
        return f"<table><thead>{line(self.headings, 'th')}</thead><tbody>{rows}</tbody></table>"

    def tsv(self) -> str:
        """The grid as lines with tabs, without its title."""
        rows = [[cell.text if isinstance(cell, Marked) else cell for cell in row] for row in self.rows]
        return "".join("\t".join(re.sub(r"[\t\n]", " ", c) for c in row) + "\n" for row in (self.headings, *rows))

    def table(self) -> Table:
        """The grid for a terminal; what looks like markup in a text stays text."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        made = Table(
            title=Text(self.title, style="bold") if self.title else None,
            title_justify="left",
            pad_edge=False,
            box=box.HEAVY_HEAD if self.is_ruled else box.SIMPLE_HEAD,
            padding=(0, 1) if self.is_ruled else (0, 1, 0, 0),
        )
        for place, heading in enumerate(self.headings):
            made.add_column(
                Text(heading),
                justify="right" if place in self.right else "left",
                no_wrap=place in self.whole,
                overflow="fold",
            )
        for row in self.rows:
            if len(row) < len(self.headings):
                made.add_section()
            made.add_row(*map(_text, row))
        return made

    def print(self, *, as_markdown: bool = False) -> None:
        """Prints the grid: ruled on a terminal, elsewhere tab-separated, or as Markdown under its title."""
        if not sys.stdout.isatty():  # asked here, since importing rich takes longer than printing
            sys.stdout.write(f"\n### {escape(self.title)}\n\n{self.markdown()}" if as_markdown else self.tsv())
            return

        terminal.console().print(self.table())


def _text(cell: str | Marked) -> Text:
    from rich.text import Text

    marked = cell if isinstance(cell, Marked) else Marked(cell)
    return Text(terminal.shown(marked.text), style=marked.style)
