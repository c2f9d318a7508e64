"""A grid of texts: ruled on a terminal, Markdown in a file or a pipe, tab-separated for programs."""

from __future__ import annotations

import html
import re
import sys
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from codec_bench import terminal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

NAME_WIDTH = 24
"""Columns of a terminal that a name has at least, before it is folded in favour of numbers."""

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
        headings = [*found[0]] if found else []
        numbers = [
            place
            for place, heading in enumerate(headings)
            if all(isinstance(row[heading], int | float) and not isinstance(row[heading], bool) for row in found)
        ]
        return cls(headings, [[str(value) for value in row.values()] for row in found], title, numbers)

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

    def lines(self, width: int, *, is_folded: bool = False) -> str:
        """One line per row, without headings, for a terminal of so many columns.

        What is too long is cut at its end, or goes on below the last column if that is folded.
        """
        from rich.cells import cell_len, set_cell_size

        wide = [_longest(self._texts(place)) for place in range(len(self.headings))]
        made = []
        for row in self.rows:
            texts = [" ".join(terminal.shown(cell.text if isinstance(cell, Marked) else cell).split()) for cell in row]
            line = "  ".join(set_cell_size(text, size) for text, size in zip(texts, wide, strict=True)).rstrip()
            if is_folded:
                made += textwrap.wrap(line, width, subsequent_indent=" " * sum(size + 2 for size in wide[:-1]))
            else:
                made.append(line if cell_len(line) <= width else f"{set_cell_size(line, width - 1).rstrip()}…")
        return "".join(f"{line}\n" for line in made)

    def is_within(self, width: int) -> bool:
        """Whether a terminal of so many columns shows it without breaking a number, and its names hardly."""
        places = range(len(self.headings))
        return sum(map(self._least, places)) + self._frame(len(self.headings)) <= width

    def fitted(self, width: int) -> list[Grid]:
        """The grid in as many parts as a terminal of so many columns needs; each begins with the first column.

        Only where the columns are numbers; texts are folded in place.
        """
        if self.is_within(width) or not self.right:
            return [self]
        parts: list[list[int]] = [[0]]
        for place in range(1, len(self.headings)):
            wanted = [*parts[-1], place]
            if len(wanted) > 2 and sum(map(self._least, wanted)) + self._frame(len(wanted)) > width:
                wanted = [0, place]
                parts.append([])
            parts[-1] = wanted
        return [self._part(places, "" if number == 0 else " (continued)") for number, places in enumerate(parts)]

    def _part(self, places: Sequence[int], more: str) -> Grid:
        """Some of the columns."""
        return replace(
            self,
            headings=[self.headings[place] for place in places],
            rows=[[row[place] for place in places] if len(row) == len(self.headings) else row for row in self.rows],
            title=self.title + more if self.title else "",
            right=[new for new, old in enumerate(places) if old in self.right],
            whole=[new for new, old in enumerate(places) if old in self.whole],
        )

    def _frame(self, columns: int) -> int:
        """What rules and gaps between columns take."""
        return columns + 1 + (2 * columns - 2 if self.is_ruled else columns - 1)

    def _texts(self, place: int) -> list[str]:
        cells = [row[place] for row in self.rows if len(row) > place]
        return [cell.text if isinstance(cell, Marked) else cell for cell in cells]

    def _natural(self, place: int) -> int:
        """The columns of a terminal that show a column without breaking a line."""
        return _longest(line for text in (self.headings[place], *self._texts(place)) for line in text.split("\n"))

    def _least(self, place: int) -> int:
        """The fewest that do: headings have a word per line, and texts are folded at `NAME_WIDTH`; numbers are not."""
        heading = _longest(self.headings[place].split())
        lines = _longest(line for text in self._texts(place) for line in text.split("\n"))
        return max(heading, lines if place in self.right else min(lines, NAME_WIDTH))

    def _widths(self, width: int) -> list[int]:
        """How wide each column is on a terminal of so many columns; what room there is goes to names first."""
        places = range(len(self.headings))
        found = [self._least(place) for place in places]
        spare = width - self._frame(len(found)) - sum(found)
        if spare < 0:  # rather a name in many lines than a number in two
            return [max(1, found[0] + spare), *found[1:]]
        for place in places:
            more = min(spare, self._natural(place) - found[place])
            found[place] += more
            spare -= more
        return found

    def table(self, width: int | None = None) -> Table:
        """The grid for a terminal of so many columns; what looks like markup in a text stays text."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        widths = self._widths(width) if width is not None and self.right else [None] * len(self.headings)
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
                width=widths[place],
                no_wrap=place in self.whole and widths[place] is None,
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

        self.print_on(terminal.console())

    def print_on(self, console: Console) -> None:
        """Prints the grid on a terminal, in parts where it is too narrow for all numbers side by side."""
        for part in self.fitted(console.width):
            console.print(part.table(console.width))


def _longest(parts: Iterable[str]) -> int:
    """The columns of a terminal that the longest of some texts takes."""
    from rich.cells import cell_len

    return max((cell_len(terminal.shown(part)) for part in parts), default=0)


def _text(cell: str | Marked) -> Text:
    from rich.text import Text

    marked = cell if isinstance(cell, Marked) else Marked(cell)
    return Text(terminal.shown(marked.text), style=marked.style)
