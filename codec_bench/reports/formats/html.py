"""Tables as static HTML without any script, to be put into a page or opened as it is."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from codec_bench.reports.cells import Cell, Table, TableColumn, setting_headings

_STYLE = """\
:root{color-scheme:light dark}
body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}
td,th{padding:.2rem .6rem;text-align:right;white-space:nowrap}
th[scope=row],th[scope=rowgroup],thead th:first-child{text-align:left;font-weight:normal}
thead th{border-bottom:1px solid;vertical-align:bottom}
th[scope=rowgroup]{font-style:italic;border-top:1px solid #8888}
small{opacity:.75}
ul{padding-left:1.2rem;max-width:75ch;overflow-wrap:anywhere}
"""


def html_page(tables: Sequence[Table], *, intervals: bool = True, efficiency: bool = False) -> str:
    """A complete page with all tables."""
    body = "\n".join(html_table(table, intervals=intervals, efficiency=efficiency) for table in tables)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>codec-bench: {escape(', '.join(dict.fromkeys(t.dataset for t in tables)))}</title>\n"
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def html_table(table: Table, *, intervals: bool = True, efficiency: bool = False) -> str:
    """One table as a fragment: a section with one `<table>` per block of columns, and the notes; as `Table.grids`."""
    parts = ['<section class="codec-bench">', f"<h2>{escape(table.caption)}</h2>"]
    for title, columns in table.printed_blocks(efficiency):
        parts += _block(table, title, columns, intervals)
    parts += [f'<h3>{escape(grid.title)}</h3><div class="scroll">{grid.html()}</div>' for grid in table.extras]
    notes = "".join(f"<li>{escape(note)}</li>" for note in (*table.notes(intervals), *table.definitions))
    return "\n".join([*parts, f"<ul>{notes}</ul>", "</section>"])


def _block(table: Table, title: str, columns: Sequence[TableColumn], intervals: bool) -> list[str]:
    """Metrics side by side; without any, what the systems cost."""
    headings = ["system", *setting_headings(not columns), *(c.heading for c in columns)]
    cells = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    parts = [f"<h3>{escape(title)}</h3>", '<div class="scroll"><table>', f"<thead><tr>{cells}</tr></thead>"]
    for section in table.sections:
        group = f'<th scope="rowgroup" colspan="{len(headings)}">{escape(section.title)}</th>'
        parts.append(f"<tbody><tr>{group}</tr>")
        for row in section.rows:
            values = [escape(text) for text in row.settings(not columns)]
            values += [_cell(row.cells[c.label], intervals) for c in columns]
            filled = "".join(f"<td>{value}</td>" for value in values)
            parts.append(f'<tr><th scope="row">{escape(row.label)}</th>{filled}</tr>')
        parts.append("</tbody>")
    return [*parts, "</table></div>"]


def _cell(cell: Cell, intervals: bool) -> str:
    number = f"<b>{cell.number}</b>" if cell.is_best else cell.number
    interval = f" <small>{cell.interval}</small>" if intervals and cell.interval else ""
    return number + interval + (f" <small>({cell.coverage})</small>" if cell.coverage else "")
