"""Languages: the many ways to write one in a table, and which are written without spaces between words.

`languages.tsv` beside this file has the code, the other codes and the names of each language as the IANA Language
Subtag Registry of 2025-08-25 (CC0) has them, which covers ISO 639-1 and ISO 639-3. Added are the three-letter codes of
languages that have a two-letter one (ISO 639-2 and 639-3), names that data sets of speech use, and for a macrolanguage
the code of its standard variety (`cmn`, `arb`, `swh`), which is what its two-letter code means in practice. `nb` is
`no` and `fil` is `tl`, as recognisers call them; `yue`, `ckb` and `nn` are languages of their own.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

UNSTATED = frozenset({"", "und", "unknown", "mis"})
"""What a table writes where it does not know a language."""

UNSPACED = frozenset(
    {
        "zh", "yue", "wuu", "gan", "hsn", "cjy", "czh", "lzh", "ja",
        "th", "tts", "nod", "sou", "lo", "km", "my", "bo", "dz",
    }
)  # fmt: skip
"""Codes of languages that are written without spaces between words."""

_UNSPACED_SCRIPTS = frozenset(
    {
        "CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "BOPOMOFO", "YI", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN",
        "TAI", "NEW", "AHOM", "JAVANESE", "BALINESE",
    }
)  # fmt: skip
"""First words of the names that Unicode gives the letters of scripts without spaces between words: those for which
UAX #14 breaks lines between any two letters, by a dictionary or by syllables (`NEW TAI LUE`, `TAI THAM`)."""

_LETTERS_PER_WORD = 2
"""How many letters of such a script are taken for a word where a text has words of another script, too."""

_TAG = re.compile(r"([a-z]{2,3})(?:[-_]([a-z0-9]{1,8}))?(?:[-_][a-z0-9]{1,8})*(?:[.@].*)?", re.IGNORECASE)
_APOSTROPHES = re.compile("['’‘ʼʻ`´]")


@lru_cache(maxsize=1024)
def find(name: str) -> str | None:
    """The code of a language that is written in any of the usual ways.

    Args:
        name: A code of ISO 639-1, 639-2 or 639-3, a tag that begins with one (`zh-CN`, `pt_BR`, `cmn_hans_cn`), or an
            English name, which may go on in brackets or behind a comma, in any case and with or without accents.

    Returns:
        The code of ISO 639-1, or of 639-3 where there is none; None if no language is called so.

    >>> find("eng"), find("English (US)"), find("zh-TW"), find("Mandarin Chinese"), find("zh-yue"), find("Elvish")
    ('en', 'en', 'zh', 'zh', 'yue', None)
    """
    known = _codes()
    name = name.strip()
    found = known.get(_key(name))
    if found is None and (tag := _TAG.fullmatch(name)):
        found = known.get(_key(f"{tag[1]} {tag[2]}")) or known.get(tag[1].lower())
    if found is None and len(head := _key(re.split(r"[(\[,;_–-]", name)[0])) > 3:
        found = known.get(head)
    return found


def code_of(language: str | None) -> str:
    """The code of a language, its name in lower case where it has none here, and nothing where none is stated.

    >>> code_of("Chinese"), code_of("Elvish"), code_of(None), code_of("und")
    ('zh', 'elvish', '', '')
    """
    name = (language or "").strip()
    return "" if name.lower() in UNSTATED else find(name) or name.lower()


def is_unspaced(text: str, language: str | None = None) -> bool:
    """Whether words are not separated by spaces: then they cannot be counted, and only characters can be compared.

    The language decides where it is one of `UNSPACED`. Otherwise the script of the text does, whatever language is
    stated: whether at least half of its words are of a script without spaces, two letters of which count as a word. So
    a Chinese sentence with an English name is unspaced, and an English one with a Chinese name is not. Spaces that a
    corpus puts between the words of such a script mean nothing, since recognisers do not write them.

    Args:
        text: A transcript; may be empty.
        language: In any spelling that `find` knows, or None.

    >>> is_unspaced("สวัสดีครับ"), is_unspaced("서울에 갑니다", "kor"), is_unspaced("OK", "Chinese")
    (True, False, True)
    >>> is_unspaced("I love 北京"), is_unspaced("我用 iPhone 拍照")
    (False, True)
    """
    if code_of(language) in UNSPACED:
        return True
    letters = words = 0
    for part in text.split():
        own = [is_of_unspaced_script(letter) for letter in part if letter.isalpha()]
        letters += sum(own)
        words += not all(own)
    return letters > 0 and letters >= _LETTERS_PER_WORD * words


@cache
def is_of_unspaced_script(letter: str) -> bool:
    """Whether a letter belongs to a script that is written without spaces between words.

    >>> [is_of_unspaced_script(letter) for letter in "京かカｶไ서a1"]
    [True, True, True, True, True, False, False, False]
    """
    name = unicodedata.name(unicodedata.normalize("NFKC", letter)[0], "")
    return name.split("-")[0].split(" ")[0] in _UNSPACED_SCRIPTS


def _key(name: str) -> str:
    """A name without case, accents and punctuation."""
    plain = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", name.casefold()))
    return " ".join(re.findall(r"\w+", "".join(c for c in plain if not unicodedata.combining(c))))


@cache
def _codes() -> dict[str, str]:
    """The code of every language by all that it is called; a code wins over a name."""
    lines = Path(__file__).with_name("languages.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    found = {_key(name): code for code, _, names in rows for name in names.split("|") if name}
    return found | {other.replace("-", " "): code for code, others, _ in rows for other in (code, *others.split())}
