"""A comparison in a notebook."""

from __future__ import annotations

from html import escape

from codec_bench.comparison import wording
from codec_bench.comparison.compare import Comparison
from codec_bench.grids import Grid


def html(comparison: Comparison) -> str:
    """What the command prints, as HTML."""
    table = Grid(wording.HEADINGS, [cells for cells, _ in wording.lines(comparison)]).html()
    notes = (*wording.explanations(comparison), wording.sources(comparison), *wording.footnotes(comparison))
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<p><b>{escape(wording.headline(comparison))}</b></p>{table}<ul>{listed}</ul>"
