r"""Text that stays text in LaTeX: names of systems and data sets come from users.

The signs are those that pdfLaTeX typesets with its default encodings (OT1, TS1) and without a package.
"""

from __future__ import annotations

import unicodedata

_SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "_": r"\_",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "$": r"\$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # Where a row begins, LaTeX would take these for an argument or a star of the \\ before it.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    # Otherwise two of them become another sign; so do two hyphens, see `escape`.
    "`": "{`}",
    "'": "{'}",
    '"': "{''}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "◆": r"$\diamond$",
    "µ": r"$\mu$",
    "μ": r"$\mu$",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "…": r"\ldots{}",
    "°": r"$^\circ$",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",
}

_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0323": "d", "\u0327": "c",
}  # fmt: skip
"""Combining signs, and the commands that set them over or below a letter."""


def escape(text: str) -> str:
    r"""LaTeX that shows a text.

    A sign that pdfLaTeX has no glyph for is shown as its code, so that the document still compiles.

    >>> escape("50%_{x}"), escape("é"), escape("--"), escape("中")
    ('50\\%\\_\\{x\\}', "\\'{e}", '-{}-', '{\\scriptsize U+4E2D}')
    """
    shown = "".join(_sign(sign) for sign in unicodedata.normalize("NFC", " ".join(text.split())))
    return shown.replace("--", "-{}-").replace("--", "-{}-")


def comment(text: str) -> str:
    """A comment of one line."""
    return f"% {' '.join(text.split())}\n"


def _sign(sign: str) -> str:
    if sign in _SIGNS:
        return _SIGNS[sign]
    if " " <= sign <= "~":
        return sign
    letter, *accents = list(unicodedata.normalize("NFD", sign))
    if letter.isascii() and letter.isalpha() and len(accents) == 1 and accents[0] in _ACCENTS:
        base = {"i": r"\i{}", "j": r"\j{}"}.get(letter, letter) if accents[0] != "\u0327" else letter
        return rf"\{_ACCENTS[accents[0]]}{{{base}}}"
    return rf"{{\scriptsize U+{ord(sign):04X}}}"
