"""Text normalisers: what happens to a transcript and a hypothesis before their words are compared.

Published WERs of one system differ by their normaliser alone, so each has a name and a version, which are part of a
score's address.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from codec_bench.fingerprint import address
from codec_bench.registry import Registry


@dataclass(frozen=True)
class Normaliser:
    """A named function from text to text.

    Attributes:
        name: Registered name.
        function: Idempotent; words of its result are separated by single spaces.
        version: Raised whenever the result changes.
    """

    name: str
    function: Callable[[str], str]
    version: int = 1

    def __call__(self, text: str) -> str:
        """The normalised text."""
        return self.function(text)

    @property
    def fingerprint(self) -> str:
        """Content address of the definition."""
        return address(normaliser=self.name, version=self.version)


NORMALISERS: Registry[Normaliser] = Registry(
    "text normaliser", {"basic": "codec_bench.metrics.text:basic"}, group="codec_bench.normalisers"
)


def normaliser(name: str) -> Normaliser:
    """A normaliser by name.

    Raises:
        UsageError: No such normaliser; the message offers the nearest names.

    >>> normaliser("basic")("“It’s well-known,” said 'Ojo'.")
    "it's well known said ojo"
    """
    return NORMALISERS.get(name)


_APOSTROPHES = str.maketrans(dict.fromkeys("‘’‛ʼ＇`´", "'"))
_QUOTATION_MARK = re.compile(r"(?<!\w)'+|'+(?!\w)")


def _basic(text: str) -> str:
    # Before NFKC, which makes a space and a mark of an accent that stands for an apostrophe, and after it, which brings
    # others out of ligatures.
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).translate(_APOSTROPHES).lower()
    text = unicodedata.normalize("NFKC", "".join(_spoken(character) for character in text))
    return " ".join(_QUOTATION_MARK.sub("", text).split())


def _spoken(character: str) -> str:
    """The character, a space for a dash, nothing for punctuation, a symbol or an invisible mark."""
    kind = unicodedata.category(character)
    if character == "'":
        return character
    if kind == "Pd" or character == "\N{MINUS SIGN}":
        return " "
    return "" if kind[0] in "PS" or kind == "Cf" else character


basic = Normaliser("basic", _basic)
"""NFKC and lower case; curly apostrophes become straight; hyphens and dashes become spaces; all other punctuation and
symbols are removed, also apostrophes at the edge of a word, where they are quotation marks; spaces are collapsed."""
