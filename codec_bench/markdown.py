"""Markdown that shows what it was given: names of systems, data sets and columns come from users."""

from __future__ import annotations

import re
from collections.abc import Iterable

SIGNS = "\\`*_<>|[]"
"""Characters with a meaning in Markdown inside a line."""


def escape(text: str, signs: str = SIGNS) -> str:
    r"""Text that stays text, on one line.

    Args:
        text: What is to be read.
        signs: What is escaped; fewer where escaping would only clutter, as in a table heading.

    >>> escape("a|b_<c> &lt;\n# x")
    'a\\|b\\_&lt;c&gt; &amp;lt; # x'
    """
    text = re.sub(r"&(?=#?\w+;)", "&amp;", " ".join(text.split()))
    for sign in signs:
        text = text.replace(sign, {"<": "&lt;", ">": "&gt;"}.get(sign, f"\\{sign}"))
    return text


def table_row(cells: Iterable[str]) -> str:
    """A row of a table, of cells that are Markdown already."""
    return "| " + " | ".join(cells) + " |"
