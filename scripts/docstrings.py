"""An extension of Griffe, which reads the docstrings of the reference: examples are code there, not quotations."""

from __future__ import annotations

import re
from typing import Any

import griffe


def fenced(text: str) -> str:
    """Docstrings whose examples, from `>>>` to an empty line, are blocks of code in Markdown."""
    return re.sub(r"^( *)(>>> (?:.+\n?)+)", r"\1```pycon\n\1\2\n\1```\n", text, flags=re.MULTILINE)


class Doctests(griffe.Extension):
    """Marks examples where a docstring is read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Griffe calls it with every module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)
