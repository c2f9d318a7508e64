"""Text normalisers: what happens to a transcript and a hypothesis before their words are compared.

Published WERs of one system differ by their normaliser alone, so each has a name and a version, which are part of a
score's address. After them, `phones` has the pronunciation of a text, for phone error rates.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from codec_bench.errors import UnavailableError
from codec_bench.fingerprint import address, package_versions
from codec_bench.identity import function_parts, kept_for
from codec_bench.languages import is_of_unspaced_script
from codec_bench.registry import Registry


@dataclass(frozen=True)
class Normaliser:
    """A named function from text to text.

    Attributes:
        name: Registered name.
        function: Words of its result are separated by single spaces.
        version: Raised whenever the result changes.
        packages: Distributions whose installed version decides the result.
        files: Files that the function of a plug-in reads, as it names them or beside its module.
    """

    name: str
    function: Callable[[str], str]
    version: int = 1
    packages: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def __call__(self, text: str) -> str:
        """The normalised text."""
        return self.function(text)

    @property
    def fingerprint(self) -> str:
        """Content address of the definition."""
        packages = {"packages": package_versions(self.packages)} if self.packages else {}
        code = function_parts(self.function, files=self.files)
        return address(normaliser=self.name, version=self.version, **packages, **code)

    @property
    def kept_for(self) -> dict[str, str]:
        """See `identity.kept_for`."""
        return kept_for(self.function, files=self.files)


NORMALISERS: Registry[Normaliser] = Registry(
    "text normaliser",
    {
        "basic": "codec_bench.metrics.text:basic",
        "whisper-english": "codec_bench.metrics.text:whisper_english",
        "librispeech": "codec_bench.metrics.text:librispeech",
        "chinese": "codec_bench.metrics.text:chinese",
    },
    group="codec_bench.normalisers",
)


def normaliser(name: str) -> Normaliser:
    """A normaliser by name.

    Raises:
        UsageError: No such normaliser; the message offers the nearest names.

    >>> normaliser("basic")("“It’s well-known,” said 'Ojo'.")
    "it's well known said ojo"
    """
    return NORMALISERS.get(name)


_APOSTROPHES = str.maketrans(dict.fromkeys("‘’‛ʼʻʽʹ′＇`´\u055a\u05f3\ua78c", "'"))
"""Marks that stand for an apostrophe, also in Ukrainian, Uzbek, Hawaiian, Hebrew (geresh) and Nahuatl (saltillo)."""

_QUOTATION_MARK = re.compile(r"(?<!\w)'+|'+(?!\w)")

_WITHIN_WORDS = re.compile(
    "[™℠®©\u0640\ufe00-\ufe0f\u055b\u055c\u055e]"  # tatweel, variation selectors, Armenian tone marks
    '|(?<=[\u05d0-\u05ea])["“”\u05f4](?=[\u05d0-\u05ea])'  # the mark of Hebrew abbreviations
    "|(?<=[lL])[\u00b7\u2027](?=[lL])"  # Catalan, which writes a long l as l·l
    r"|(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))"  # thousands, divided by a space that does not break
)
"""Marks that do not divide the word or the number in which they stand."""

_FRACTION = re.compile("([¼-¾⅐-⅞↉])")
_NUMBER_OR_MARK = re.compile(r"(?:(?<![\w.,'])\.)?\d+(?:[.,]\d+)*|[^\w\s']|_")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?")
_GROUPED_BY_POINTS = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}")
_DECIMAL = re.compile(r"\d*[.,]\d+|\d+")
_MARK = "\x1f"
_MARKS = re.compile(f"{_MARK}+")


def _basic(text: str) -> str:
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    # Before NFKC, which makes a space and a mark of an accent that stands for an apostrophe, and 21/2 of 2½; after it,
    # too, as it brings others out of ligatures.
    text = unicodedata.normalize("NFKC", _FRACTION.sub(r" \1", _WITHIN_WORDS.sub("", text).translate(_APOSTROPHES)))
    text = _WITHIN_WORDS.sub("", text.translate(_APOSTROPHES)).lower()
    text = text.replace("i\N{COMBINING DOT ABOVE}", "i")  # what Python makes of a Turkish İ
    text = _MARKS.sub(_space, _NUMBER_OR_MARK.sub(_spoken, "".join(map(_in_ascii, text))))
    return " ".join(unicodedata.normalize("NFKC", _QUOTATION_MARK.sub("", text)).split())


def _in_ascii(character: str) -> str:
    """A digit of any script as one of ours, Arabic marks of numbers as point and comma, all others as they are."""
    if character in "\u066b\u066c":
        return "." if character == "\u066b" else ","
    return str(unicodedata.decimal(character, character))


def _spoken(found: re.Match[str]) -> str:
    """A number without marks of thousands and with a decimal point; `_MARK` for punctuation and symbols."""
    text = found[0]
    if not text[-1].isdigit():
        return _MARK if unicodedata.category(text)[0] in "PS" else text
    if _GROUPED.fullmatch(text):
        return text.replace(",", "")
    if _GROUPED_BY_POINTS.fullmatch(text):
        return text.replace(".", "").replace(",", ".")
    if _DECIMAL.fullmatch(text):
        return text.replace(",", ".")
    return re.sub("[.,]", " ", text)


def _space(marks: re.Match[str]) -> str:
    """What stands for punctuation and symbols: nothing within a script that writes no spaces."""
    around = marks.string[max(0, marks.start() - 1) : marks.start()] + marks.string[marks.end() : marks.end() + 1]
    return "" if len(around) == 2 and all(map(is_of_unspaced_script, around)) else " "


basic = Normaliser("basic", _basic, version=2)
"""NFKC and lower case. Punctuation, symbols, hyphens and dashes become spaces, so that "and/or" and "well...then" are
two words each and "a.m." is "a m"; between letters of a script that writes no spaces they are removed. Curly
apostrophes and their like become straight; within a word they stay, at its edge they are quotation marks. Decimal
points stay, written as points (3.5; 3,5), marks of thousands are removed (1,000), digits of all scripts become ASCII.
Spaces are collapsed. Numbers in words and in digits are not made alike: `whisper-english` does that.

Version 1 removed punctuation within words and numbers, and so joined what it divides ("andor", "35")."""


_UNDIVIDED = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i"})
"""Letters that no normalisation form divides into a letter of the alphabet and a mark."""


def _librispeech(text: str) -> str:
    plain = unicodedata.normalize("NFKD", _basic(text).translate(_UNDIVIDED)).upper()
    kept = "".join(c for c in plain if c in "' " or "A" <= c <= "Z")
    return " ".join(_QUOTATION_MARK.sub("", kept).split())


librispeech = Normaliser("librispeech", _librispeech, version=2)
"""The alphabet of LibriSpeech's transcripts, A to Z, the apostrophe and the space: `basic` in upper case, with accents
and everything else removed. So are digits, which LibriSpeech spells out: take `whisper-english` where a recogniser
writes numbers in digits."""


def _chinese(text: str) -> str:
    return unicodedata.normalize("NFC", "".join(_basic(text).replace("'", "").split()))


chinese = Normaliser("chinese", _chinese, version=2)
"""Characters without spaces or punctuation: `basic`, which makes ASCII of full-width letters and digits, without
apostrophes and spaces. Numerals stay as they are written, digits as well as characters, and so do traditional
characters."""


@cache
def _english_normaliser() -> Any:
    try:
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError as error:
        raise UnavailableError(
            f"the normaliser whisper-english needs whisper-normalizer: {error}; pip install 'codec-bench[whisper]'"
        ) from error
    return EnglishTextNormalizer()


def _whisper_english(text: str) -> str:
    return " ".join(str(_english_normaliser()(text)).split())


whisper_english = Normaliser("whisper-english", _whisper_english, packages=("whisper-normalizer",))
"""The English normaliser of the Whisper paper (Radford et al., 2022, appendix C): numbers in digits, American spelling,
contractions expanded, fillers and bracketed text removed."""


_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_DIGIT = {str(digit): word for digit, word in enumerate(_NUMBERS)} | {".": "point"}

_SOUNDS = {
    "tion": "SH AH N", "sion": "ZH AH N", "igh": "AY", "tch": "CH", "dge": "JH", "eau": "OW",
    "ch": "CH", "sh": "SH", "th": "TH", "ph": "F", "wh": "W", "ck": "K", "qu": "K W", "ng": "NG",
    "ee": "IY", "ea": "IY", "ie": "IY", "oo": "UW", "ou": "AW", "ow": "OW", "oi": "OY", "oy": "OY", "oa": "OW",
    "ai": "EY", "ay": "EY", "ei": "AY", "ey": "IY", "au": "AO", "aw": "AO", "eu": "UW", "ew": "UW",
    "ar": "AA R", "or": "AO R", "er": "ER", "ir": "ER", "ur": "ER",
    "ce": "S EH", "ci": "S IH", "cy": "S IY",
    "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH", "j": "JH", "k": "K",
    "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R", "s": "S", "t": "T", "u": "AH", "v": "V",
    "w": "W", "x": "K S", "y": "IY", "z": "Z",
}  # fmt: skip
"""What letters most often stand for in English, for words that the dictionary lacks; the longest match counts."""

_SPELLING = re.compile("|".join(sorted(_SOUNDS, key=len, reverse=True)))
_DOUBLED = re.compile(r"([b-df-hj-np-tv-z])\1")


def phones(text: str) -> list[str]:
    """The pronunciation of an English text, word by word.

    Words are looked up in CMUdict as bundled with PocketSphinx, taking the first pronunciation. What it lacks, names
    mostly, is spelled out by simple rules: often wrong, but alike in a transcript and in a hypothesis that has it.

    Args:
        text: Words separated by spaces; digits are spoken one by one, and a decimal point as "point"; other characters
            than letters are left out.

    Returns:
        ARPAbet symbols without stress, of 39.

    Raises:
        UnavailableError: PocketSphinx lacks its dictionary.

    >>> phones("the cat's")
    ['DH', 'AH', 'K', 'AE', 'T', 'S']
    """
    return [phone for word in text.lower().split() for phone in _pronounced(word)]


@cache
def _pronunciations() -> dict[str, str]:
    """CMUdict: phones by word."""
    from codec_bench.metrics.asr import model_folder

    found: dict[str, str] = {}
    for line in (model_folder() / "cmudict-en-us.dict").read_text(encoding="utf-8").splitlines():
        word, _, sounds = line.partition(" ")
        if not word.endswith(")"):
            found[word] = sounds
    return found


def _pronounced(word: str) -> list[str]:
    known = _pronunciations()
    if word in known:
        return known[word].split()
    base, apostrophe, ending = word.rpartition("'")
    if apostrophe and ending == "s" and base:
        sounds = _pronounced(base)
        return [*sounds, *_ending_s(sounds)]
    parts = re.findall(r"[0-9]|\.(?=[0-9])|[^0-9.]+", word)
    if len(parts) > 1 or word in _DIGIT:
        return [phone for part in parts for phone in _pronounced(_DIGIT.get(part, part))]
    return spelled_out(word)


def _ending_s(sounds: list[str]) -> list[str]:
    """How a possessive `s` sounds after a word."""
    last = sounds[-1] if sounds else ""
    if last in ("S", "Z", "SH", "ZH", "CH", "JH"):
        return ["IH", "Z"]
    return ["S"] if last in ("P", "T", "K", "F", "TH") else ["Z"]


def spelled_out(word: str) -> list[str]:
    """The pronunciation of a word by rules alone.

    >>> spelled_out("wretchly")
    ['W', 'R', 'EH', 'CH', 'L', 'IY']
    """
    letters = unicodedata.normalize("NFKD", word.translate(_UNDIVIDED)).lower()
    letters = _DOUBLED.sub(r"\1", "".join(c for c in letters if "a" <= c <= "z"))
    if len(letters) > 3 and letters.endswith("e") and letters[-2] not in "aeiou":
        letters = letters[:-1] if letters[-2] != "c" else f"{letters[:-2]}s"
    return [phone for match in _SPELLING.findall(letters) for phone in _SOUNDS[match].split()]
